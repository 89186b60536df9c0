/* How fast one core predicts with a model: microseconds a row one by one, rows a second in batches.
 *
 *     bench/predict MODEL [SECONDS]        MW_CPU=scalar bench/predict MODEL   for the
 * specification
 *
 * Rows are drawn from a normal distribution with 2 % missing; the same seed each time. Each figure
 * is the best of several rounds: what the machine can do when nobody disturbs it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <millwright.h>

enum { N_ROWS = 4096, ROUNDS = 40, CLOCK_ROWS = 64 /* between two looks at the clock */ };

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* splitmix64, and a sum of uniforms that is close enough to a normal distribution */
static double unit(void)
{
    static uint64_t state = 2026;
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static double draw(void)
{
    if (unit() < 0.02)
        return NAN;
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += unit();
    return sum;
}

static void must(mw_status status, const mw_error *err)
{
    if (status == MW_OK)
        return;
    fprintf(stderr, "%s: %s\n", err->where, err->what);
    exit(1);
}

/* Best seconds a row over ROUNDS rounds, `batch` rows a call. */
static double measure(const mw_model *model, mw_scratch *scratch, const void *data, mw_dtype dtype,
                      size_t batch, double seconds)
{
    const mw_model_description *about = mw_model_describe(model);
    size_t n = about->n_features, width = dtype == MW_FLOAT32 ? sizeof(float) : sizeof(double);
    size_t outputs = about->n_predictions;
    double *values = malloc(batch * outputs * sizeof *values), best = INFINITY;
    mw_error err;
    size_t first = 0, calls = batch < CLOCK_ROWS ? CLOCK_ROWS / batch : 1;
    for (int round = 0; round < ROUNDS && values; round++) {
        size_t n_done = 0;
        double begin = now(), end = begin;
        for (; end - begin < seconds / ROUNDS; end = now()) {
            for (size_t call = 0; call < calls; call++, n_done += batch) {
                first = first + 2 * batch <= N_ROWS ? first + batch : 0;
                mw_matrix rows = {
                    (const char *)data + first * n * width, dtype, batch, n, (ptrdiff_t)n, 1};
                must(mw_model_predict(model, &rows, MW_PREDICTION, scratch, values, batch * outputs,
                                      &err),
                     &err);
            }
        }
        if ((end - begin) / (double)n_done < best)
            best = (end - begin) / (double)n_done;
    }
    free(values);
    return best;
}

static void report(const mw_model *model, mw_scratch *scratch, double seconds)
{
    static const size_t batches[] = {1, 4, 8, 16, 64, 1000, N_ROWS};
    size_t n = mw_model_describe(model)->n_features;
    float *narrow = malloc(N_ROWS * n * sizeof *narrow);
    double *wide = malloc(N_ROWS * n * sizeof *wide);
    for (size_t i = 0; narrow && wide && i < N_ROWS * n; i++)
        wide[i] = (double)(narrow[i] = (float)draw());
    printf("%10s %14s %14s %14s\n", "rows/call", "us/row double", "us/row float", "rows/s float");
    for (size_t i = 0; narrow && wide && i < sizeof batches / sizeof batches[0]; i++) {
        double from_wide = measure(model, scratch, wide, MW_FLOAT64, batches[i], seconds);
        double from_narrow = measure(model, scratch, narrow, MW_FLOAT32, batches[i], seconds);
        printf("%10zu %14.3f %14.3f %14.0f\n", batches[i], from_wide * 1e6, from_narrow * 1e6,
               1 / from_narrow);
    }
    free(narrow);
    free(wide);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s MODEL [SECONDS A FIGURE]\n", argv[0]);
        return 2;
    }
    mw_error err;
    mw_model *model;
    mw_scratch *scratch;
    must(mw_model_load(argv[1], &model, &err), &err);
    must(mw_scratch_new(&scratch, &err), &err);
    const mw_model_description *about = mw_model_describe(model);
    printf("%s, %s: %zu trees, depth %zu, %zu leaves, %zu features, %.1f MB\n", argv[1],
           about->format, about->n_trees, about->max_depth, about->n_leaves, about->n_features,
           (double)about->memory_bytes / 1e6);
    report(model, scratch, argc > 2 ? strtod(argv[2], NULL) : 0.3);
    mw_scratch_free(scratch);
    mw_model_free(model);
    return 0;
}
