/* release: the law of rollouts, pure: no clock, no thread, no file, no traffic of its own.
 *
 *     document (what was asked for) --.
 *     memory (what both arms did) ----+--> mw_rollout_judge --> a verdict a metric
 *     state, step, the time now ------'            |
 *                                                  v
 *                             mw_rollout_decide --> wait, hold, advance, promote, roll back, finish
 *
 * Arm 0 is the version that was there (stable), arm 1 the one that comes (canary). Everything that
 * a decision rests on is a sufficient statistic and fits one text (mw_rollout_memory_write), so
 * that a process that dies is continued by another.
 *
 * The tests may be looked at each second: each holds its level however often, and the level alpha
 * is split over the metrics. Sources stand at the functions of judge.c.
 */
#ifndef RELEASE_RELEASE_H
#define RELEASE_RELEASE_H

#include "base/base.h"

/* ---- who gets which version (assign.c) ------------------------------------------------------- */

enum { MW_SALT_BYTES = 16, MW_SALT_TEXT_BYTES = 33 };

/* SipHash-2-4 of the key under the salt (Aumasson and Bernstein, 2012). */
uint64_t mw_assign_hash(const uint8_t salt[MW_SALT_BYTES], mw_view key);
/* Below which hash a share of 0..1 lies: the new version gets the keys whose hash is below. Raising
 * the share moves nobody back. 1 takes all but one in 2^64. */
uint64_t mw_assign_threshold(double share);
/* 32 hexadecimal digits. False: it is none. */
bool mw_salt_read(mw_view text, uint8_t ret_salt[MW_SALT_BYTES]);

/* ---- the document (document.c) --------------------------------------------------------------- */

typedef enum mw_strategy {
    MW_CANARY,     /* a rising share of the traffic */
    MW_BLUE_GREEN, /* warm, then all at once */
    MW_SHADOW,     /* answers compared, none of them given */
    MW_AB,         /* a fixed share, until one is better */
    MW_BANDIT,     /* a share that follows the outcomes */
    MW_N_STRATEGIES
} mw_strategy;

extern const char *const mw_strategy_names[MW_N_STRATEGIES];

typedef enum mw_rollout_metric_kind {
    MW_METRIC_ERRORS,  /* share of requests that were not answered with 200; harm: a difference */
    MW_METRIC_LATENCY, /* geometric mean; harm: a ratio, 0.2 = a fifth slower */
    MW_METRIC_LATENCY_P99, /* likewise */
    MW_METRIC_SCORES,      /* the distribution of predictions; harm: PSI */
    MW_METRIC_OUTCOME,     /* a reward that was reported, higher is better; harm: a difference */
    MW_METRIC_CALIBRATION, /* how far the mean of scores is from what came true; harm: a difference
                            */
    MW_METRIC_FAIRNESS,    /* the largest gap between groups' means; harm: a difference */
    MW_N_METRICS
} mw_rollout_metric_kind;

extern const char *const mw_rollout_metric_names[MW_N_METRICS];

typedef struct mw_rollout_metric {
    mw_rollout_metric_kind kind;
    double tolerance; /* the smallest harm that matters */
    bool critical;    /* harm rolls back; else it holds, until a person decides */
} mw_rollout_metric;

enum {
    MW_ARM_SCORE_BINS = 10,
    MW_ARM_LATENCY_BINS = 416, /* 16 an octave, from 2^10 ns on */
    MW_ARM_GROUPS = 8,
    MW_ARM_COVARIATES = 16, /* columns of requests that are compared between the arms */
    MW_ARMS = 2,
    MW_COLUMN_NAME_BYTES = 64
};

enum { MW_ROLLOUT_STEPS_MAX = 32, MW_ROLLOUT_WHO_BYTES = 64, MW_ROLLOUT_HEADER_BYTES = 64 };

typedef struct mw_rollout_step {
    double weight, shadow;              /* 0..1: of the requests answered, or copied */
    uint64_t min_samples;               /* requests of the canary in this step */
    int64_t for_ms;                     /* at least */
    char approve[MW_ROLLOUT_WHO_BYTES]; /* who must approve before the step is left; "" = nobody */
} mw_rollout_step;

typedef enum mw_on_unknown {
    MW_ON_UNKNOWN_HOLD,
    MW_ON_UNKNOWN_PROMOTE,
    MW_ON_UNKNOWN_ROLL_BACK
} mw_on_unknown;

/* Groups of requests by a column of the model, for the fairness between the arms. */
typedef struct mw_rollout_groups {
    char column[MW_COLUMN_NAME_BYTES]; /* "": they are reported with outcomes */
    size_t n_names, n_bounds;          /* neither: the column's first categories */
    char names[MW_ARM_GROUPS][MW_COLUMN_NAME_BYTES];
    double bounds[MW_ARM_GROUPS - 1]; /* ascending */
    double threshold; /* a decision is a score from there on; NaN: the score itself */
} mw_rollout_groups;

typedef struct mw_rollout_document {
    mw_strategy strategy;
    size_t n_steps, n_metrics;
    mw_rollout_step steps[MW_ROLLOUT_STEPS_MAX]; /* none of weight 1: that is the promotion */
    mw_rollout_metric metrics[MW_N_METRICS];
    double alpha;        /* chance of a false rollback, over all metrics and for ever */
    int64_t deadline_ms; /* from the start */
    mw_on_unknown on_unknown;
    int64_t watch_after_ms;                   /* the old version stays warm so long */
    char key_header[MW_ROLLOUT_HEADER_BYTES]; /* whose value keeps a client on one version */
    mw_rollout_groups groups;
    /* of a file only; absent otherwise */
    char model[256], endpoint[256];
} mw_rollout_document;

/* What a strategy does when nothing else is said: canary 1, 5, 25 and 100 %. */
void mw_rollout_document_init(mw_rollout_document *document, mw_strategy strategy);
/* What contradicts itself is not begun: steps that last longer than the deadline, shares of a
 * blue-green, what to do at a deadline that is none. Apart from reading, since a rollout that has
 * begun is read again. Fails: MW_BAD_ARGUMENT (MW8901). */
MW_CHECKED mw_status mw_rollout_document_check(const mw_rollout_document *document, mw_error *err);
/* YAML or JSON: {"strategy": ..., "steps": [...], "judge": {...}, ...}, or that under "rollout".
 * `name` stands in the errors. Fails: MW_BAD_ARGUMENT (MW8901). */
MW_CHECKED mw_status mw_rollout_document_read(mw_view text, const char *name,
                                              mw_rollout_document *ret_document, mw_error *err);
/* The same, of a node that was read already: err->where gets "line:column". */
MW_CHECKED mw_status mw_rollout_document_take(const mw_yaml *root,
                                              mw_rollout_document *ret_document, mw_error *err);
/* "1,5,25,100": percentages, ascending. */
MW_CHECKED mw_status mw_rollout_steps_read(mw_view text, mw_rollout_document *document,
                                           mw_error *err);
/* As JSON; reading it gives the same document. */
void mw_rollout_document_write(const mw_rollout_document *document, mw_buf *out);

/* ---- what both arms did (memory.c) ----------------------------------------------------------- */

/* Which bin a latency falls into, and the bin's upper end in ns. */
size_t mw_latency_bin(uint64_t ns);
double mw_latency_bin_end(size_t bin);

/* Of one arm, in one step; also what was added since the last look. A request is one unit: of a
 * batch its first row speaks for the scores, because its rows are not independent. */
typedef struct mw_arm {
    double requests, keyed; /* keyed: their client showed a key */
    double errors;
    double latency_n, latency_sum, latency_squares; /* of ln(ns), of what was answered */
    double score_n, score_sum, score_squares;
    double scores[MW_ARM_SCORE_BINS];
    double outcome_n, outcome_sum, outcome_squares;
    double latencies[MW_ARM_LATENCY_BINS];
    /* reported, as outcomes; behind all else, so that older texts mean the same */
    double residual_n, residual_sum, residual_squares; /* of what came true less its score */
    double group_n[MW_ARM_GROUPS], group_sum[MW_ARM_GROUPS], group_squares[MW_ARM_GROUPS];
    /* of what was asked: a column's values, and how often it was missing */
    double covariate_n[MW_ARM_COVARIATES], covariate_sum[MW_ARM_COVARIATES];
    double covariate_squares[MW_ARM_COVARIATES], covariate_missing[MW_ARM_COVARIATES];
} mw_arm;

/* Both arms as a JSON array. Fails: MW_BAD_DATA (MW8902). */
void mw_arms_write(const mw_arm arms[MW_ARMS], mw_buf *out);
MW_CHECKED mw_status mw_arms_read(mw_view text, mw_arm ret_arms[MW_ARMS], mw_error *err);
void mw_arm_add(mw_arm *into, const mw_arm *from);
void mw_arm_take(mw_arm *from, const mw_arm *less);

/* What is kept of steps that are over. Effects of steps are averaged by their precision: shares
 * differ from step to step and so does the hour, so sums over steps would compare hours. */
typedef struct mw_closed {
    double log_e, precision, weighted; /* weighted: sum of difference * precision */
} mw_closed;

typedef struct mw_rollout_memory {
    double weight;        /* of the current step: under it the arms below were filled */
    bool is_shadow;       /* its arms are pairs: w = 1/2 */
    mw_arm arms[MW_ARMS]; /* of the current step */
    mw_arm all[MW_ARMS];  /* of all steps before it, and it is not among them */
    mw_closed closed[MW_N_METRICS], split; /* split: whether requests were split as they should */
    size_t n_edges;                        /* 0: not known yet */
    double edges[MW_ARM_SCORE_BINS - 1];
    bool is_watching; /* the new version has all traffic; arms[1] is compared with all[0] */
    int64_t epoch;    /* how often the arms have begun anew */
    size_t n_covariates;
    char covariates[MW_ARM_COVARIATES][MW_COLUMN_NAME_BYTES];
} mw_rollout_memory;

void mw_rollout_memory_init(mw_rollout_memory *memory);
/* The step is over: its evidence is kept, and the arms begin anew under another weight. */
void mw_rollout_memory_close(mw_rollout_memory *memory, const mw_rollout_document *document,
                             double weight, bool is_shadow);
void mw_rollout_memory_write(const mw_rollout_memory *memory, mw_buf *out);
/* Fails: MW_BAD_DATA (MW8902). */
MW_CHECKED mw_status mw_rollout_memory_read(mw_view text, mw_rollout_memory *ret_memory,
                                            mw_error *err);

/* ---- verdicts (judge.c) ---------------------------------------------------------------------- */

typedef enum mw_rollout_finding {
    MW_FINDING_UNKNOWN, /* not enough is known yet */
    MW_FINDING_FINE,    /* the harm is smaller than what matters */
    MW_FINDING_REGRESS, /* it is larger */
    MW_N_FINDINGS
} mw_rollout_finding;

extern const char *const mw_rollout_finding_names[MW_N_FINDINGS];

typedef struct mw_rollout_evidence {
    mw_rollout_metric metric;
    mw_rollout_finding finding;
    double stable, canary;  /* the metric itself, of this step; NaN: nothing is known */
    double harm, low, high; /* canary against stable; low..high holds at the metric's level */
    double log_e;           /* of a test that has one; NaN otherwise */
    double samples_needed;  /* more requests of the canary, about; 0: known, or cannot be said */
} mw_rollout_evidence;

/* Whether both arms were asked the same. Where they were not, no other verdict means anything: it
 * compares requests, not versions. Drift is no judge of a rollout for the same reason: what comes
 * in drifts for both arms alike, and where it does not, the assignment is at fault. */
typedef struct mw_rollout_balance {
    double difference,
        low; /* of the means, in standard deviations: |canary - stable|, and its lower
                end at all times; of shares of missing values likewise. NaN: too few */
    bool is_missing, is_broken; /* is_missing: it is the share of missing values */
} mw_rollout_balance;

typedef struct mw_rollout_judgement {
    double level; /* of each metric: alpha over their number */
    size_t n_evidence;
    mw_rollout_evidence evidence[MW_N_METRICS];
    double split_log_e; /* NaN where clients keep their version: requests are no draws then */
    bool is_split_broken;
    size_t n_balance, unlike; /* unlike: the worst that is broken; n_balance: none */
    mw_rollout_balance balance[MW_ARM_COVARIATES];
    char covariates[MW_ARM_COVARIATES][MW_COLUMN_NAME_BYTES];
    double samples; /* of the canary, in this step */
} mw_rollout_judgement;

void mw_rollout_judge(const mw_rollout_document *document, const mw_rollout_memory *memory,
                      mw_rollout_judgement *ret_judgement);

/* A mixture over the canary's share of events, whose law is Binomial(k, w) when both arms have the
 * same rate: ln of the e-value of c among k (Lindon and Malek, NeurIPS 2022, equation 6). */
double mw_share_log_e(double canary_events, double events, double weight);
/* How far a quantile q may be from that of t samples, in ranks (share), for all t at once (Howard
 * and Ramdas, Bernoulli 2022, equation 5). */
double mw_quantile_half_width(double q, double t, double alpha);

/* ---- decisions (steps.c) --------------------------------------------------------------------- */

typedef enum mw_rollout_state {
    MW_ROLLOUT_RUNNING,
    MW_ROLLOUT_PAUSED,   /* the share stays; harm still rolls back */
    MW_ROLLOUT_WATCHING, /* promoted, the old version is warm */
    MW_ROLLOUT_PROMOTED, /* over */
    MW_ROLLOUT_ROLLED_BACK,
    MW_ROLLOUT_ABORTED, /* by a person, before the promotion */
    MW_N_ROLLOUT_STATES
} mw_rollout_state;

extern const char *const mw_rollout_state_names[MW_N_ROLLOUT_STATES];
/* MW_N_ROLLOUT_STATES for words that are none. */
mw_rollout_state mw_rollout_state_named(mw_view name);
bool mw_rollout_is_over(mw_rollout_state state);

typedef enum mw_rollout_action {
    MW_ACTION_WAIT, /* more samples, or time */
    MW_ACTION_HOLD, /* a person has to decide */
    MW_ACTION_ADVANCE,
    MW_ACTION_PROMOTE,
    MW_ACTION_ROLL_BACK,
    MW_ACTION_FINISH, /* the watch after the promotion is over */
    MW_N_ACTIONS
} mw_rollout_action;

extern const char *const mw_rollout_action_names[MW_N_ACTIONS];

typedef struct mw_rollout_position {
    mw_rollout_state state;
    size_t step;
    int64_t started_ms, entered_ms; /* the step; in WATCHING: the promotion */
    bool is_approved;               /* by whom the step asks for */
} mw_rollout_position;

typedef struct mw_rollout_decision {
    mw_rollout_action action;
    char why[400]; /* a sentence, for people */
} mw_rollout_decision;

void mw_rollout_decide(const mw_rollout_document *document, const mw_rollout_position *position,
                       const mw_rollout_judgement *judgement, int64_t now_ms,
                       mw_rollout_decision *ret_decision);

/* The shares that a state asks for: 0 where it is over but not promoted. */
double mw_rollout_weight(const mw_rollout_document *document, mw_rollout_state state, size_t step);
double mw_rollout_shadow(const mw_rollout_document *document, mw_rollout_state state, size_t step);
/* Of a bandit: the chance that the canary's outcomes are better, between the floor and 1 - floor
 * (Thompson 1933; Beta posteriors, as normal ones). */
double mw_rollout_bandit_weight(const mw_rollout_memory *memory);

/* What people ask for. */
typedef enum mw_rollout_command {
    MW_COMMAND_PAUSE,
    MW_COMMAND_RESUME,
    MW_COMMAND_PROMOTE,   /* whatever is known */
    MW_COMMAND_ADVANCE,   /* the next step */
    MW_COMMAND_ROLL_BACK, /* also after the promotion, while the old version is warm */
    MW_COMMAND_ABORT,     /* the same, before it */
    MW_N_COMMANDS
} mw_rollout_command;

extern const char *const mw_rollout_command_names[MW_N_COMMANDS];
/* MW_N_COMMANDS for words that are none. */
mw_rollout_command mw_rollout_command_named(mw_view name);
/* Fails: MW_CONFLICT (MW8903) the state does not allow it. */
MW_CHECKED mw_status mw_rollout_command_check(mw_rollout_command command, mw_rollout_state state,
                                              mw_error *err);
/* Judgement and decision as JSON members: "verdict":...,"why":...,"evidence":[...],
 * "samples_needed":n. */
void mw_rollout_verdict_write(const mw_rollout_judgement *judgement,
                              const mw_rollout_decision *decision, mw_buf *out);

#endif
