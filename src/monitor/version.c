/* The life of one version under watch. */
#include "watch.h"

#include <math.h>
#include <stdlib.h>

#include "base/banned.h"

static bool fill(watch_version *version)
{
    size_t n = version->n_columns + 1;
    version->learned = calloc(version->learn_rows * n, sizeof(double));
    version->seen = calloc(n * WATCH_BINS, sizeof *version->seen);
    version->whole = calloc(n * WATCH_BINS, sizeof *version->whole);
    version->found = calloc(n, sizeof *version->found);
    version->is_category = calloc(n, sizeof *version->is_category);
    version->bounds = calloc(n, sizeof *version->bounds);
    if (version->is_companion && !(version->importance = watch_importance_new(version->n_features)))
        return false;
    return version->endpoint && version->learned && version->seen && version->whole &&
           version->found && version->is_category && version->bounds;
}

watch_version *watch_version_new(const char *endpoint, unsigned number, size_t n_features,
                                 size_t n_outputs, size_t learn_rows, uint64_t bucket_ns,
                                 watch_pulse *pulse)
{
    watch_version *version = calloc(1, sizeof *version);
    if (!version)
        return NULL;
    version->endpoint = strdup(endpoint);
    version->version = number;
    version->n_features =
        n_features < MW_LIMIT_WATCHED_FEATURES ? n_features : MW_LIMIT_WATCHED_FEATURES;
    version->n_outputs =
        n_outputs < MW_LIMIT_WATCHED_OUTPUTS ? n_outputs : MW_LIMIT_WATCHED_OUTPUTS;
    version->n_columns = version->n_features + version->n_outputs;
    version->lacks_features = version->n_features < n_features;
    version->is_companion = number & MW_WATCH_CONTRIBUTIONS;
    version->is_cut = version->n_columns < n_features + n_outputs;
    version->learn_rows = learn_rows;
    version->pulse = pulse ? pulse : calloc(1, sizeof *pulse);
    version->owns_pulse = !pulse;
    watch_sample_init(&version->sample, version->n_columns);
    version->repeats.share = version->repeats.usual = (double)NAN;
    atomic_store(&version->learns, true);
    pthread_mutex_init(&version->lock, NULL);
    watch_history_init(&version->history, version->n_columns, bucket_ns);
    version->report = (mw_watch_report){.learn_rows = learn_rows,
                                        .n_features = version->n_features,
                                        .n_outputs = version->n_outputs,
                                        .is_cut = version->is_cut,
                                        .n_servers = 1};
    if (version->pulse && fill(version))
        return version;
    watch_version_free(version);
    return NULL;
}

void watch_version_free(watch_version *version)
{
    free(version->endpoint);
    free(version->identity);
    free(version->source);
    watch_importance_free(version->importance);
    free(version->is_category);
    free(version->bounds);
    watch_scorer_free(atomic_load(&version->scorer));
    watch_scorer_free_shell(version->scorer_before);
    watch_joint_free(version->joint);
    free(version->learned);
    free(version->seen);
    free(version->whole);
    free(version->found);
    watch_history_done(&version->history);
    watch_forget_others(version);
    free(version->servers);
    watch_drop_samples(version);
    watch_sample_done(&version->sample);
    watch_decay_free(version->decay);
    if (version->owns_pulse)
        free(version->pulse);
    for (size_t l = 0; l < WATCH_LANES; l++)
        free(atomic_load(&version->lanes[l]));
    for (size_t i = 0; i < version->n_retired; i++)
        if (version->retired_own_bins[i])
            watch_columns_free(version->retired[i], version->n_columns);
        else
            free(version->retired[i]);
    watch_columns_free(atomic_load(&version->columns), version->n_columns);
    pthread_mutex_destroy(&version->lock);
    free(version);
}

void watch_drop_samples(watch_version *version)
{
    watch_sample_end(&version->sample);
    watch_sketches_done(&version->sketches);
    free(version->repeats.hashes);
    free(version->runs);
    version->repeats = (watch_repeats){.share = (double)NAN, .usual = (double)NAN};
    version->runs = NULL;
}

size_t watch_version_bytes(const watch_version *version)
{
    size_t cells = version->n_columns * WATCH_BINS, bytes = sizeof *version;
    bytes += 2 * cells * sizeof(uint64_t) + watch_history_bytes(&version->history);
    if (version->others)
        bytes += sizeof *version->others + watch_history_bytes(version->others);
    bytes += version->servers ? MW_WATCH_SERVERS * sizeof *version->servers : 0;
    for (size_t l = 0; l < WATCH_LANES; l++)
        bytes += atomic_load(&version->lanes[l]) ? cells * sizeof(uint64_t) : 0;
    if (atomic_load(&version->columns))
        bytes += version->n_columns * sizeof(watch_column);
    if (version->learned)
        bytes += version->learn_rows * version->n_columns * sizeof(double);
    bytes += watch_sample_bytes(&version->sample) + watch_sketches_bytes(&version->sketches);
    bytes += watch_values_bytes(version);
    bytes += watch_importance_bytes(version->importance);
    bytes += watch_importance_bytes(version->importance_of_others);
    bytes += watch_decay_bytes(version->decay, version->n_features);
    bytes += version->repeats.hashes ? sizeof *version->repeats.hashes : 0;
    bytes += version->runs ? version->n_features * sizeof *version->runs : 0;
    bytes += version->owns_pulse ? sizeof *version->pulse : 0;
    bytes += watch_scorer_bytes(atomic_load(&version->scorer));
    bytes += watch_joint_bytes(version->joint);
    return bytes + version->n_columns * (sizeof(mw_watched) + sizeof(mw_anomaly_bound));
}
