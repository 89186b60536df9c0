/* See outlet.h. */
#include "outlet.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { LINE_BYTES = 64 /* a ring does not share a cache line with its neighbour */ };

/* ---- life ------------------------------------------------------------------------------------ */

void observe_outlet_init(observe_outlet *outlet, unsigned n_loops)
{
    *outlet = (observe_outlet){.n_loops = n_loops, .wake_fd = -1};
}

static mw_status make_rings(observe_outlet *outlet, size_t ring_bytes, mw_error *err)
{
    size_t bytes = outlet->n_loops * sizeof *outlet->rings;
    if (posix_memalign((void **)&outlet->rings, LINE_BYTES, bytes) != 0) {
        outlet->rings = NULL;
        return mw_fail_memory(err, "the rings of an observer");
    }
    memset((void *)outlet->rings, 0, bytes);
    for (unsigned i = 0; i < outlet->n_loops; i++)
        MW_TRY(observe_ring_init(&outlet->rings[i], ring_bytes, err));
    return MW_OK;
}

mw_status observe_outlet_start(observe_outlet *outlet, size_t ring_bytes, const char *name,
                               void *(*run)(void *), void *argument, mw_error *err)
{
    outlet->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (outlet->wake_fd < 0)
        return mw_fail_errno(err, "make an event descriptor", errno);
    MW_TRY(make_rings(outlet, ring_bytes, err));
    if (mw_thread_start(&outlet->thread, name, run, argument) != 0)
        return mw_fail_memory(err, "a thread of an observer");
    outlet->has_thread = true;
    return MW_OK;
}

void observe_outlet_end(observe_outlet *outlet)
{
    if (!outlet->has_thread)
        return;
    atomic_store(&outlet->ending, true);
    observe_outlet_wake(outlet);
    pthread_join(outlet->thread, NULL);
    outlet->has_thread = false;
}

void observe_outlet_done(observe_outlet *outlet)
{
    for (unsigned i = 0; outlet->rings && i < outlet->n_loops; i++)
        observe_ring_done(&outlet->rings[i]);
    free(outlet->rings);
    if (outlet->wake_fd >= 0)
        close(outlet->wake_fd);
}

/* ---- from the loops -------------------------------------------------------------------------- */

bool observe_outlet_put(observe_outlet *outlet, unsigned loop, const observe_record *record)
{
    observe_ring *ring = &outlet->rings[loop];
    size_t bytes = observe_record_bytes(record);
    char *room = observe_ring_reserve(ring, bytes);
    if (!room)
        return false;
    observe_record_write(record, room);
    if (observe_ring_commit(ring, bytes) && !atomic_exchange(&outlet->is_called, true))
        observe_outlet_wake(outlet);
    return true;
}

uint64_t observe_outlet_dropped(const observe_outlet *outlet)
{
    uint64_t dropped = 0;
    for (unsigned i = 0; i < outlet->n_loops; i++)
        dropped += observe_ring_dropped(&outlet->rings[i]);
    return dropped;
}

void observe_outlet_wake(observe_outlet *outlet)
{
    uint64_t one = 1;
    ssize_t n = write(outlet->wake_fd, &one, sizeof one);
    (void)n; /* full: then it is awake already */
}

/* ---- on the thread --------------------------------------------------------------------------- */

void observe_outlet_wait(const observe_outlet *outlet, int ms)
{
    struct pollfd waiting = {.fd = outlet->wake_fd, .events = POLLIN};
    uint64_t count;
    if (poll(&waiting, 1, ms) > 0 && read(outlet->wake_fd, &count, sizeof count) < 0)
        return; /* nobody else reads it */
}

bool observe_outlet_drain(observe_outlet *outlet, void (*see)(void *user, const observe_record *),
                          void *user)
{
    bool any = false;
    atomic_store(&outlet->is_called, false);
    for (unsigned i = 0; i < outlet->n_loops; i++) {
        mw_view bytes;
        while (observe_ring_peek(&outlet->rings[i], &bytes)) {
            observe_record record;
            observe_record_read(bytes, &record);
            see(user, &record);
            observe_ring_take(&outlet->rings[i]);
            any = true;
        }
    }
    return any;
}
