/* base: what every room stands on. Knows nothing of models, sockets or rows.
 *
 *   error.h   status, error and the one renderer for each reader
 *   text.h    mw_view (borrowed text) and mw_buf (growing text with a cap)
 *   pages.h   large memory straight from the system, which grows without being copied
 *   arena.h   memory that lives as long as a request or a model
 *   limits.h  every cap of the program, in one place
 *   scan.h    JSON pull scanner: no allocation, place of every error
 *   number.h  text to number and back, correctly rounded, shortest form
 *   json.h    JSON text out; small documents in (jansson behind the door)
 *   yaml.h    YAML documents in, with line and column of every node (libyaml behind the door)
 *   file.h    whole files in, atomic files out
 *   clock.h   monotonic and wall time, replaceable in tests
 *   allowance.h  a share of a core for work that may be left undone
 *   hash.h    FNV-1a
 *   stage.h   the stages of a request, by name
 *   log.h     one line an event on stderr
 *   pack.h    numbers as bytes of our own files, and back
 *   protobuf.h  fields of protocol buffers, in and out
 *   thread.h  a thread beside the main one, and waits by the steady clock
 *   pool.h    threads for work that may take long or block
 *   shared_library.h  libraries of others, loaded when they are first needed
 */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include "banned.h"
#include "error.h"
#include "text.h"
#include "pages.h"
#include "arena.h"
#include "pool.h"
#ifndef MW_BARE /* kernels: minutes of compiling, which a new limit or code must not cost */
#include "limits.h"
#include "number.h"
#include "scan.h"
#include "json.h"
#include "yaml.h"
#include "file.h"
#include "clock.h"
#include "allowance.h"
#include "random.h"
#include "hash.h"
#include "stage.h"
#include "log.h"
#include "thread.h"
#include "pack.h"
#include "protobuf.h"
#include "shared_library.h"
#endif

#define MW_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
