/* What the files of this room share: connections of SQLite and what its answers mean. */
#ifndef STORE_ENGINE_H
#define STORE_ENGINE_H

#include <sqlite3.h>

#include "store.h"

enum { STORE_STATEMENTS = 256 }; /* kept prepared, of a connection; a power of two */

struct mw_sql {
    sqlite3 *db;
    struct mw_sql *next; /* in the list of idle readers */
    struct {
        const char *sql; /* by address: literals */
        sqlite3_stmt *statement;
    } kept[STORE_STATEMENTS];
};

/* Whether an errno says that there is no room: the disk's, a quota's, or a limit of the file's. */
bool store_is_full(int reason);
/* Fails: as mw_store_open. */
MW_CHECKED mw_status store_session_open(const char *path, bool is_writer, mw_sql **ret_session,
                                        mw_error *err);
void store_session_close(mw_sql *session);
/* Run a script of the room's own: BEGIN, COMMIT, PRAGMA ... */
MW_CHECKED mw_status store_script(mw_sql *session, const char *script, mw_error *err);
/* The error for SQLite's last answer on this connection. */
mw_status store_fail(mw_sql *session, int outcome, mw_error *err);

/* Bring the schema forward, see mw_store_open. */
MW_CHECKED mw_status store_migrate(mw_sql *session, const char *const *steps, size_t n_steps,
                                   mw_error *err);

/* Where blobs are (blobs.c). */
const char *store_blobs_folder(const mw_blobs *blobs);
struct store_bucket *store_blobs_bucket(const mw_blobs *blobs); /* NULL: the folder alone */

/* The thread that writes (writer.c). */
typedef struct store_writer store_writer;
MW_CHECKED mw_status store_writer_start(mw_sql *session, store_writer **ret_writer, mw_error *err);
/* Commits what was accepted, then ends the thread. NULL is fine. */
void store_writer_stop(store_writer *writer);
mw_status store_writer_do(store_writer *writer, mw_store_work *work, void *user, mw_error *err);
void store_writer_count(store_writer *writer, mw_store_counts *ret_counts);

#endif
