/* The evidence of several servers on one record, added up.
 *
 *     each second, each server: what it saw in this epoch --> its row of the record
 *                               rows of the epoch, added up --> the arms that are judged
 *                               who does not lead: what the leader concluded of epochs before
 *
 * An epoch ends when the share changes: rows of before mean nothing then, so nothing is taken off
 * or handed over, and a server that dies leaves its row. A record that cannot be reached leaves
 * each server with the last sum and what it sees itself. */
#include "conductor.h"

bool conduct_shares(const mw_conductor *conductor)
{
    return conductor->options.shares_evidence || mw_registry_is_shared(conductor->options.registry);
}

typedef struct sharing {
    const mw_conductor *conductor;
    const conducted *one;
    bool is_leading;
    int64_t mine_epoch; /* as it was when the record was asked, as the next */
    mw_arm mine[MW_ARMS];
    mw_rollout rollout; /* as the record has it; of who follows */
    mw_rollout_memory memory;
    int64_t epoch;
    mw_arm sum[MW_ARMS];
    size_t n_servers;
} sharing;

static mw_status exchange(mw_record *record, void *given, mw_error *err)
{
    sharing *s = given;
    const conducted *one = s->one;
    if (!s->is_leading) {
        MW_TRY(mw_record_rollout(record, one->rollout.id, &s->rollout, err));
        MW_TRY(mw_rollout_memory_read(s->rollout.memory, &s->memory, err));
        s->epoch = s->memory.epoch > s->epoch ? s->memory.epoch : s->epoch;
    }
    if (s->epoch == s->mine_epoch)
        MW_TRY(mw_record_put_arms(record, one->rollout.id, mw_view_of(s->conductor->server),
                                  s->epoch, s->mine, err));
    return mw_record_sum_arms(record, one->rollout.id, s->epoch, s->sum, &s->n_servers, err);
}

/* What the leader made of steps before, and by which edges scores are counted: else the same score
 * would fall into another bin at each server. */
static void follow(mw_conductor *conductor, conducted *one, const sharing *s)
{
    const mw_rollout_memory *theirs = &s->memory;
    mw_rollout_memory *mine = &one->memory;
    if (theirs->n_edges > 0 && mine->n_edges == 0)
        mw_fleet_set_edges(conductor->options.fleet, one->rollout.endpoint.data, theirs->edges,
                           theirs->n_edges);
    if (theirs->epoch < mine->epoch)
        return; /* he has not written yet that the share changed */
    *mine = *theirs;
    one->rollout.weight = s->rollout.weight;
}

void conduct_share(mw_conductor *conductor, conducted *one, bool is_leading)
{
    mw_error err;
    if (!conduct_shares(conductor))
        return;
    pthread_mutex_lock(&conductor->lock);
    sharing s = {.conductor = conductor,
                 .one = one,
                 .is_leading = is_leading,
                 .mine_epoch = one->mine_epoch,
                 .epoch = one->memory.epoch};
    memcpy(s.mine, one->mine, sizeof s.mine);
    pthread_mutex_unlock(&conductor->lock);
    if (mw_registry_write(conductor->options.registry, &conductor->arena, exchange, &s, &err) !=
        MW_OK) {
        mw_log_error(MW_LOG_WARN, "the evidence of other servers is not there", &err);
        return;
    }
    pthread_mutex_lock(&conductor->lock);
    if (!is_leading)
        follow(conductor, one, &s);
    if (one->memory.epoch == s.epoch) {
        memcpy(one->memory.arms, s.sum, sizeof s.sum);
        one->n_servers = s.n_servers;
    }
    pthread_mutex_unlock(&conductor->lock);
    if (!is_leading && one->document.strategy == MW_BANDIT)
        conduct_weigh(conductor, one);
}
