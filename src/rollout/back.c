/* The way back, before the record knows of it.
 *
 *     person's order --> hold: share 0 on this server --> written --> the record says so; it ends
 *                                                    |--> refused --> let go: the share comes back
 *                                                    `--> cannot be written now --> owed: written
 *                                                         each second by the thread, until it is
 *
 * The thread neither judges nor moves a rollout that is held: an order is on its way. */
#include "conductor.h"

bool conduct_is_held(mw_conductor *conductor, const conducted *one)
{
    pthread_mutex_lock(&conductor->lock);
    bool is_held = one->is_held;
    pthread_mutex_unlock(&conductor->lock);
    return is_held;
}

/* Under the lock, as the next. */
static conducted *find_live(mw_conductor *conductor, mw_view endpoint)
{
    conducted *one = conductor->first;
    while (one && (!one->is_warm || mw_rollout_is_over(one->rollout.state) ||
                   !mw_view_equal(one->rollout.endpoint, endpoint)))
        one = one->next;
    return one;
}

static bool may_go_back(const conducted *one, mw_rollout_command command, int64_t expect_step)
{
    return (command == MW_COMMAND_ROLL_BACK || command == MW_COMMAND_ABORT) &&
           (expect_step < 0 || expect_step == one->rollout.step) &&
           mw_rollout_command_check(command, one->rollout.state, NULL) == MW_OK;
}

int64_t mw_conductor_hold(mw_conductor *conductor, mw_view endpoint, mw_rollout_command command,
                          int64_t expect_step)
{
    int64_t id = 0;
    pthread_mutex_lock(&conductor->lock);
    conducted *one = find_live(conductor, endpoint);
    if (one && !one->is_held && may_go_back(one, command, expect_step)) {
        one->is_held = true;
        conduct_share_out(conductor, one);
        id = one->rollout.id;
    }
    pthread_mutex_unlock(&conductor->lock);
    return id;
}

static bool could_not_write(mw_status status)
{
    return status == MW_IO || status == MW_BUSY || status == MW_NO_MEMORY || status == MW_BAD_DATA;
}

static void owe(conducted *one, mw_view who, mw_view why)
{
    one->is_owed = true;
    snprintf(one->owed_why, sizeof one->owed_why, "asked for by %.*s%s%.*s",
             who.size > 100 ? 100 : (int)who.size, who.data, why.size > 0 ? ": " : "",
             why.size > 300 ? 300 : (int)why.size, why.size > 0 ? why.data : "");
}

void mw_conductor_settle(mw_conductor *conductor, int64_t held, mw_status status, mw_view who,
                         mw_view why, mw_error *err)
{
    pthread_mutex_lock(&conductor->lock);
    conducted *one = conductor->first;
    while (one && one->rollout.id != held)
        one = one->next;
    if (one && could_not_write(status)) {
        owe(one, who, why);
        (void)mw_mend(err,
                      "traffic is back at version %lld on this server already, and that is written "
                      "as soon as it can be; a restart before then would go on with the rollout",
                      (long long)one->rollout.from_version);
    } else if (one && status != MW_OK) {
        one->is_held = false;
        conduct_share_out(conductor, one);
    }
    pthread_mutex_unlock(&conductor->lock);
}

bool conduct_pay(mw_conductor *conductor, conducted *one)
{
    char why[sizeof one->owed_why];
    pthread_mutex_lock(&conductor->lock);
    bool is_owed = one->is_owed;
    memcpy(why, one->owed_why, sizeof why);
    pthread_mutex_unlock(&conductor->lock);
    return is_owed && conduct_roll_back(conductor, one, why);
}
