/* See turns.h. */
#include "turns.h"

#include "base/banned.h"

/* Whether it ends. Woken for another reason it is early, which harms nobody. */
static bool rest(cli_turns *turns)
{
    struct timespec until = mw_moment_in(turns->pause_ms);
    pthread_mutex_lock(&turns->lock);
    if (!turns->ends)
        pthread_cond_timedwait(&turns->wake, &turns->lock, &until);
    bool ends = turns->ends;
    pthread_mutex_unlock(&turns->lock);
    return ends;
}

static void *go_on(void *given)
{
    cli_turns *turns = given;
    mw_thread_give_way();
    while (!rest(turns))
        turns->take(turns->user);
    if (turns->has_last)
        turns->take(turns->user);
    return NULL;
}

static void done(cli_turns *turns)
{
    pthread_cond_destroy(&turns->wake);
    pthread_mutex_destroy(&turns->lock);
}

mw_status cli_turns_start(cli_turns *turns, const char *name, const char *what, mw_error *err)
{
    turns->ends = false;
    pthread_mutex_init(&turns->lock, NULL);
    mw_condition_init(&turns->wake);
    if (mw_thread_start(&turns->thread, name, go_on, turns) == 0)
        return MW_OK;
    done(turns);
    return mw_fail_memory(err, what);
}

void cli_turns_end(cli_turns *turns)
{
    pthread_mutex_lock(&turns->lock);
    turns->ends = true;
    pthread_cond_signal(&turns->wake);
    pthread_mutex_unlock(&turns->lock);
    pthread_join(turns->thread, NULL);
    done(turns);
}
