/* Microseconds for one row from C: libmillwright and the C interfaces of its peers, in turns.
 *
 *     bench/one_row MODEL ROWS N_ROWS N_FEATURES [PEER=LIBRARY[:MODEL]]...
 *
 *     PEER   xgboost    libxgboost.so      XGBoosterPredictFromDense
 *            lightgbm   lib_lightgbm.so    LGBM_BoosterPredictForMatSingleRowFast
 *            tl2cgen    what tl2cgen built, `predict`
 *            lleaves    what lleaves built, `forest_root`
 *            catboost   CatBoost's C++ export with a C function `apply(const float *)` around it
 *
 * ROWS is float32, row after row, in native bytes. Peers are loaded at run time, so this builds
 * without them. Each call gets another row, as a server's would; the time of a call is the median
 * over batches of 64 calls, the least of all rounds. What a peer wants of a row (doubles, entries)
 * stands ready. One JSON object is printed; "off" is how far a peer's answers are from ours. */
#include <dlfcn.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <millwright.h>

enum { ROUNDS = 15, CALLS = 64, BATCHES = 40, COMPARED = 512, PEERS_MAX = 6, OUTPUTS_MAX = 64 };

typedef struct peer peer;
struct peer {
    const char *name;
    void (*call)(peer *p, const float *row, const double *wide, double *ret);
    void *library, *handle, *extra;
    double us;  /* of a call */
    double off; /* the largest difference of an answer */
};

static size_t n_rows, n_features, n_outputs;
static float *rows;
static double *wide_rows;

static double now_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec * 1e-3;
}

static void must(int failed, const char *what)
{
    if (!failed)
        return;
    fprintf(stderr, "one_row: %s failed\n", what);
    exit(1);
}

/* dlsym gives a data pointer; POSIX says that it holds a function's address. */
static void find(const peer *p, const char *name, void *ret_function)
{
    void *symbol = dlsym(p->library, name);
    must(!symbol, name);
    memcpy(ret_function, &symbol, sizeof symbol);
}

/* ---- Millwright ------------------------------------------------------------------------------ */

static void call_ours(peer *p, const float *row, const double *wide, double *ret)
{
    (void)wide;
    mw_matrix matrix = {row, MW_FLOAT32, 1, n_features, (ptrdiff_t)n_features, 1};
    must(mw_model_predict(p->handle, &matrix, MW_PREDICTION, p->extra, ret, n_outputs, NULL),
         "mw_model_predict");
}

static void open_ours(peer *p, const char *model)
{
    mw_model *loaded;
    mw_scratch *scratch;
    must(mw_model_load(model, &loaded, NULL), "mw_model_load");
    must(mw_scratch_new(&scratch, NULL), "mw_scratch_new");
    n_outputs = mw_model_describe(loaded)->n_predictions;
    must(n_outputs > OUTPUTS_MAX, "a model of so many outputs");
    *p = (peer){.name = "Millwright", .call = call_ours, .handle = loaded, .extra = scratch};
}

/* ---- XGBoost --------------------------------------------------------------------------------- */

typedef int xgb_predict(void *booster, const char *values, const char *config, void *proxy,
                        const unsigned long **shape, unsigned long *dim, const float **result);

/* The row is copied to one place, so that the sentence about it is written once. */
typedef struct xgb_parts {
    xgb_predict *predict;
    void *proxy;
    float *row;
    char array[160];
} xgb_parts;

static void call_xgboost(peer *p, const float *row, const double *wide, double *ret)
{
    (void)wide;
    static const char config[] = "{\"type\":0,\"training\":false,\"iteration_begin\":0,"
                                 "\"iteration_end\":0,\"strict_shape\":false,\"cache_id\":0,"
                                 "\"missing\":NaN}";
    xgb_parts *parts = p->extra;
    const unsigned long *shape;
    unsigned long dim;
    const float *result;
    memcpy(parts->row, row, n_features * sizeof *row);
    must(parts->predict(p->handle, parts->array, config, parts->proxy, &shape, &dim, &result),
         "XGBoosterPredictFromDense");
    for (size_t i = 0; i < n_outputs; i++)
        ret[i] = (double)result[i];
}

static void open_xgboost(peer *p, const char *model)
{
    int (*create)(void *const *, unsigned long, void **);
    int (*load)(void *, const char *), (*set)(void *, const char *, const char *);
    int (*proxy)(void **);
    static xgb_parts parts;
    find(p, "XGBoosterCreate", &create);
    find(p, "XGBoosterLoadModel", &load);
    find(p, "XGBoosterSetParam", &set);
    find(p, "XGProxyDMatrixCreate", &proxy);
    find(p, "XGBoosterPredictFromDense", &parts.predict);
    must(create(NULL, 0, &p->handle) || load(p->handle, model) || set(p->handle, "nthread", "1") ||
             proxy(&parts.proxy),
         "XGBoost");
    parts.row = malloc(n_features * sizeof *parts.row);
    must(!parts.row, "malloc");
    snprintf(parts.array, sizeof parts.array,
             "{\"data\":[%zu,true],\"shape\":[1,%zu],\"typestr\":\"<f4\",\"version\":3}",
             (size_t)parts.row, n_features);
    p->extra = &parts;
    p->call = call_xgboost;
}

/* ---- LightGBM -------------------------------------------------------------------------------- */

typedef int lgb_fast(void *config, const void *row, long *ret_count, double *ret);

static void call_lightgbm(peer *p, const float *row, const double *wide, double *ret)
{
    (void)row;
    lgb_fast *fast;
    long count;
    memcpy(&fast, &p->extra, sizeof fast);
    must(fast(p->handle, wide, &count, ret), "LGBM_BoosterPredictForMatSingleRowFast");
}

static void open_lightgbm(peer *p, const char *model)
{
    enum { PREDICT_NORMAL = 0, FLOAT64 = 1 };
    int (*load)(const char *, int *, void **);
    int (*init)(void *, int, int, int, int, int, const char *, void **);
    void *booster;
    int iterations;
    find(p, "LGBM_BoosterCreateFromModelfile", &load);
    find(p, "LGBM_BoosterPredictForMatSingleRowFastInit", &init);
    find(p, "LGBM_BoosterPredictForMatSingleRowFast", &p->extra);
    must(load(model, &iterations, &booster) || init(booster, PREDICT_NORMAL, 0, -1, FLOAT64,
                                                    (int)n_features, "num_threads=1", &p->handle),
         "LightGBM");
    p->call = call_lightgbm;
}

/* ---- compiled ones --------------------------------------------------------------------------- */

/* Its entries are as wide as the model's thresholds, and so is what it answers. */
typedef union tl2cgen_entry32 {
    int missing;
    float value;
} tl2cgen_entry32;
typedef union tl2cgen_entry64 {
    int missing;
    double value;
} tl2cgen_entry64;
typedef void tl2cgen_predict32(const tl2cgen_entry32 *row, int raw, float *ret);
typedef void tl2cgen_predict64(const tl2cgen_entry64 *row, int raw, double *ret);

static void call_tl2cgen32(peer *p, const float *row, const double *wide, double *ret)
{
    tl2cgen_predict32 *predict;
    float values[OUTPUTS_MAX] = {0};
    (void)wide;
    memcpy(&predict, &p->extra, sizeof predict);
    predict((const tl2cgen_entry32 *)p->handle + (row - rows), 0, values);
    for (size_t i = 0; i < n_outputs; i++)
        ret[i] = (double)values[i];
}

static void call_tl2cgen64(peer *p, const float *row, const double *wide, double *ret)
{
    tl2cgen_predict64 *predict;
    (void)row;
    memcpy(&predict, &p->extra, sizeof predict);
    memset(ret, 0, n_outputs * sizeof *ret);
    predict((const tl2cgen_entry64 *)p->handle + (wide - wide_rows), 0, ret);
}

static bool is_wide(peer *p, const char *question)
{
    const char *(*ask)(void);
    find(p, question, &ask);
    return strcmp(ask(), "float64") == 0;
}

static void open_tl2cgen(peer *p, const char *model)
{
    size_t count = n_rows * n_features;
    bool wide = is_wide(p, "get_threshold_type");
    (void)model;
    must(wide != is_wide(p, "get_leaf_output_type"), "a model of two precisions");
    tl2cgen_entry32 *narrow32 = malloc(count * sizeof *narrow32);
    tl2cgen_entry64 *wide64 = malloc(count * sizeof *wide64);
    must(!narrow32 || !wide64, "malloc");
    for (size_t i = 0; i < count; i++) {
        narrow32[i].value = rows[i];
        wide64[i].value = wide_rows[i];
        if (isnan(rows[i]))
            narrow32[i].missing = wide64[i].missing = -1;
    }
    find(p, "predict", &p->extra);
    p->handle = wide ? (void *)wide64 : (void *)narrow32;
    free(wide ? (void *)narrow32 : (void *)wide64);
    p->call = wide ? call_tl2cgen64 : call_tl2cgen32;
}

typedef void lleaves_root(const double *values, double *ret, int begin, int end);

static void call_lleaves(peer *p, const float *row, const double *wide, double *ret)
{
    (void)row;
    lleaves_root *root;
    memcpy(&root, &p->extra, sizeof root);
    root(wide, ret, 0, 1);
}

static void open_lleaves(peer *p, const char *model)
{
    (void)model;
    find(p, "forest_root", &p->extra);
    p->call = call_lleaves;
}

typedef double catboost_apply(const float *row);

static void call_catboost(peer *p, const float *row, const double *wide, double *ret)
{
    (void)wide;
    catboost_apply *apply;
    memcpy(&apply, &p->extra, sizeof apply);
    ret[0] = 1 / (1 + exp(-apply(row))); /* its export answers with a margin */
}

static void open_catboost(peer *p, const char *model)
{
    (void)model;
    find(p, "apply", &p->extra);
    p->call = call_catboost;
}

static void open_peer(peer *p, char *argument, const char *model)
{
    static const struct {
        const char *name;
        void (*open)(peer *p, const char *model);
    } openers[] = {
        {"xgboost", open_xgboost}, {"lightgbm", open_lightgbm}, {"tl2cgen", open_tl2cgen},
        {"lleaves", open_lleaves}, {"catboost", open_catboost},
    };
    char *path = strchr(argument, '=');
    must(!path, "an argument without '='");
    *path++ = '\0';
    *p = (peer){.name = argument, .library = dlopen(path, RTLD_NOW | RTLD_LOCAL)};
    if (!p->library)
        fprintf(stderr, "one_row: %s\n", dlerror());
    must(!p->library, "dlopen");
    for (size_t i = 0; i < sizeof openers / sizeof openers[0]; i++)
        if (strcmp(openers[i].name, argument) == 0)
            openers[i].open(p, model);
    must(!p->call, argument);
}

/* ---- measuring ------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(peer *p, size_t *next)
{
    double times[BATCHES], values[OUTPUTS_MAX];
    for (size_t batch = 0; batch < BATCHES; batch++) {
        double begin = now_us();
        for (size_t call = 0; call < CALLS; call++, *next = (*next + 1) % n_rows)
            p->call(p, rows + *next * n_features, wide_rows + *next * n_features, values);
        times[batch] = (now_us() - begin) / CALLS;
    }
    qsort(times, BATCHES, sizeof times[0], compare);
    if (times[BATCHES / 2] < p->us)
        p->us = times[BATCHES / 2];
}

static void compare_answers(peer *ours, peer *p)
{
    double expected[OUTPUTS_MAX], found[OUTPUTS_MAX];
    for (size_t row = 0; row < n_rows && row < COMPARED; row++) {
        const float *narrow = rows + row * n_features;
        const double *wide = wide_rows + row * n_features;
        ours->call(ours, narrow, wide, expected);
        p->call(p, narrow, wide, found);
        for (size_t i = 0; i < n_outputs; i++) {
            double off = fabs(found[i] - expected[i]);
            if (!(off <= p->off))
                p->off = isnan(off) ? INFINITY : off;
        }
    }
}

static void read_rows(const char *path)
{
    size_t count = n_rows * n_features;
    FILE *file = fopen(path, "rb");
    rows = malloc(count * sizeof *rows);
    wide_rows = malloc(count * sizeof *wide_rows);
    must(!file || !rows || !wide_rows || fread(rows, sizeof *rows, count, file) != count,
         "reading the rows");
    for (size_t i = 0; i < count; i++)
        wide_rows[i] = (double)rows[i];
    fclose(file);
}

int main(int argc, char **argv)
{
    peer peers[PEERS_MAX];
    size_t n_peers = 1, next = 0;
    if (argc < 5 || argc > 4 + PEERS_MAX) {
        fprintf(stderr, "usage: %s MODEL ROWS N_ROWS N_FEATURES [PEER=LIBRARY]...\n", argv[0]);
        return 2;
    }
    n_rows = strtoul(argv[3], NULL, 10);
    n_features = strtoul(argv[4], NULL, 10);
    read_rows(argv[2]);
    open_ours(&peers[0], argv[1]);
    for (int i = 5; i < argc; i++)
        open_peer(&peers[n_peers++], argv[i], argv[1]);
    for (size_t i = 0; i < n_peers; i++) {
        peers[i].us = INFINITY;
        compare_answers(&peers[0], &peers[i]);
    }
    for (int round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < n_peers; i++)
            measure(&peers[i], &next);
    printf("{");
    for (size_t i = 0; i < n_peers; i++)
        printf("%s\"%s\": {\"us\": %.4f, \"off\": %.3g}", i ? ", " : "", peers[i].name, peers[i].us,
               fmin(peers[i].off, 1e300));
    printf("}\n");
    return 0;
}
