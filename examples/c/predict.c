/* Load a model and predict one row with it.
 *
 *     cc predict.c -o predict $(pkg-config --cflags --libs millwright)
 *     ./predict ../models/credit.json 42 3200 0.31 ...
 *
 * A value that is not a number ("-", "?") is missing. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <millwright.h>

static int fail(const mw_error *err)
{
    fprintf(stderr, "error: %s: %s\n", err->where, err->what);
    if (err->mend[0])
        fprintf(stderr, "  fix: %s\n", err->mend);
    return 1;
}

/* What the model wants to be given, one name a line. */
static int show_features(const mw_model_description *about)
{
    printf("%s: %zu trees, %zu features\n", about->objective, about->n_trees, about->n_features);
    for (size_t f = 0; f < about->n_features; f++)
        printf("  %s\n", about->feature_names ? about->feature_names[f] : "(no name)");
    return 0;
}

static double number(const char *text)
{
    char *end;
    double value = strtod(text, &end);
    return end == text || *end ? NAN : value;
}

static int predict(const mw_model *model, size_t n_values, char **texts)
{
    const mw_model_description *about = mw_model_describe(model);
    double *row = calloc(n_values, sizeof *row);
    double *values = calloc(about->n_predictions, sizeof *values);
    if (!row || !values)
        return 1;
    for (size_t f = 0; f < n_values; f++)
        row[f] = number(texts[f]);

    mw_error err;
    mw_matrix rows = {row, MW_FLOAT64, 1, n_values, (ptrdiff_t)n_values, 1};
    mw_status status =
        mw_model_predict(model, &rows, MW_PREDICTION, NULL, values, about->n_predictions, &err);
    for (size_t i = 0; status == MW_OK && i < about->n_predictions; i++)
        printf("%.9g\n", values[i]);
    free(row);
    free(values);
    return status == MW_OK ? 0 : fail(&err);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s MODEL [VALUE ...]\n", argv[0]);
        return 2;
    }
    mw_error err;
    mw_model *model;
    if (mw_model_load(argv[1], &model, &err) != MW_OK)
        return fail(&err);
    int result = argc == 2 ? show_features(mw_model_describe(model))
                           : predict(model, (size_t)argc - 2, argv + 2);
    mw_model_free(model);
    return result;
}
