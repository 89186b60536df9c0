/* From the loops to one thread: a ring a loop, and the thread that empties them.
 *
 *     loops: put --> rings --drain--> see(record), again and again
 *              `--wake, when a ring is half full-->
 *
 * What finds its ring full is dropped and counted; a loop never waits. */
#ifndef OBSERVE_OUTLET_H
#define OBSERVE_OUTLET_H

#include "record.h"
#include "ring.h"

typedef struct observe_outlet {
    observe_ring *rings; /* n_loops */
    unsigned n_loops;
    int wake_fd;
    pthread_t thread;
    bool has_thread;
    atomic_bool ending, is_called; /* is_called: a ring is half full, and the thread knows */
} observe_outlet;

/* Nothing to be freed yet. */
void observe_outlet_init(observe_outlet *outlet, unsigned n_loops);
/* Start the thread, called `name`, which runs run(argument) until observe_outlet_end.
 * ring_bytes: a power of two. Fails: MW_IO, MW_NO_MEMORY; then observe_outlet_done is still due. */
MW_CHECKED mw_status observe_outlet_start(observe_outlet *outlet, size_t ring_bytes,
                                          const char *name, void *(*run)(void *), void *argument,
                                          mw_error *err);
/* Set `ending`, wake the thread and wait for it; nothing when there is none. */
void observe_outlet_end(observe_outlet *outlet);
void observe_outlet_done(observe_outlet *outlet);

/* From the loop itself; false when it was dropped. */
bool observe_outlet_put(observe_outlet *outlet, unsigned loop, const observe_record *record);
uint64_t observe_outlet_dropped(const observe_outlet *outlet);
void observe_outlet_wake(observe_outlet *outlet);

/* ---- on the thread -----------------------------------------------------------------------------
 */

/* Until it is woken, at most so long. */
void observe_outlet_wait(const observe_outlet *outlet, int ms);
/* Everything that waits, oldest first of each loop; a record is valid during the call. True when
 * there was any. */
bool observe_outlet_drain(observe_outlet *outlet, void (*see)(void *user, const observe_record *),
                          void *user);

#endif
