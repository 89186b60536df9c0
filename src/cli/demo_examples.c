/* Finding and loading the example models and their rows. */
#include "demo.h"

#include <dirent.h>
#include <limits.h>
#include <math.h>
#include <unistd.h>

#define EXAMPLE_FILE_BYTES_MAX (64 * MW_MIB)
#define ARENA_BYTES_MAX (512 * MW_MIB)

/* ---- where ----------------------------------------------------------------------------------- */

static bool holds_models(const char *folder)
{
    char models[PATH_MAX + 16];
    snprintf(models, sizeof models, "%s/models", folder);
    return mw_file_is_folder(models);
}

/* Beside the program (a build folder in the sources), where `make install` puts them, or here. */
static bool find_folder(char *ret_folder, size_t size)
{
    static const char *const beside[] = {"../examples", "examples", "../share/millwright/examples",
                                         "../../examples"};
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(program, '/');
    if (slash)
        *slash = '\0';
    for (size_t i = 0; slash && i < MW_COUNT(beside); i++) {
        int needed = snprintf(ret_folder, size, "%s/%s", program, beside[i]);
        if (needed > 0 && (size_t)needed < size && holds_models(ret_folder))
            return true;
    }
    snprintf(ret_folder, size, "examples");
    return holds_models(ret_folder);
}

static mw_status fail_missing(const char *folder, mw_error *err)
{
    mw_fail(err, MW_E_NO_EXAMPLES, "no example models%s%s", folder ? " in " : "",
            folder ? folder : "");
    mw_why(err, "a model in models/ needs rows of the same name: models/credit.json, credit.csv");
    return mw_mend(err, "run it from the sources, or name the folder: --examples DIR");
}

/* ---- load ------------------------------------------------------------------------------------ */

static mw_status read_rows(demo_example *example, const char *path, mw_arena *arena, mw_error *err)
{
    mw_file file;
    MW_TRY(mw_file_read(path, EXAMPLE_FILE_BYTES_MAX, &file, err));
    mw_status status = mw_batch_read_csv((mw_view){file.data, file.size}, &example->forest->schema,
                                         arena, &example->rows, err);
    mw_file_done(&file);
    if (status != MW_OK)
        return mw_at(err, "%s", path);
    if (example->rows.n_rows == 0)
        return fail_missing(path, err);
    return MW_OK;
}

/* What the histogram shows of a row: the value, or the likeliest class. */
double demo_shown_value(const demo_example *example, const double *values)
{
    size_t best = 0;
    if (example->n_outputs == 1)
        return values[0];
    for (size_t i = 1; i < example->n_outputs; i++)
        if (values[i] > values[best])
            best = i;
    return (double)best;
}

static void find_range(demo_example *example)
{
    example->lowest = HUGE_VAL;
    example->highest = -HUGE_VAL;
    for (size_t row = 0; row < example->rows.n_rows; row++) {
        double value = demo_shown_value(example, example->expected + row * example->n_outputs);
        example->lowest = fmin(example->lowest, value);
        example->highest = fmax(example->highest, value);
    }
    if (example->n_outputs > 1) {
        example->lowest = 0;
        example->highest = (double)(example->n_outputs - 1);
    }
}

static mw_status predict_rows(demo_example *example, mw_arena *arena, mw_error *err)
{
    mw_predictor *predictor;
    mw_matrix rows = mw_batch_matrix(&example->rows);
    MW_TRY(mw_predictor_new(example->forest, &predictor, err));
    example->n_outputs = mw_predictor_outputs(predictor, MW_PREDICTION);
    example->expected =
        mw_arena_take_zeroed(arena, example->rows.n_rows * example->n_outputs, sizeof(double));
    mw_status status = example->expected ? mw_predict_parallel(predictor, &rows, MW_PREDICTION,
                                                               NULL, example->expected, err)
                                         : mw_fail_memory(err, "the expected answers");
    mw_predictor_free(predictor);
    if (status == MW_OK)
        find_range(example);
    return status;
}

static mw_status load_example(demo_examples *examples, const char *folder, const char *file,
                              mw_error *err)
{
    char path[PATH_MAX + 512];
    demo_example *example = &examples->of[examples->count];
    const char *name;
    MW_TRY(cli_endpoint_default_name(file, &examples->arena, &name, err));
    snprintf(path, sizeof path, "%s/%s.csv", folder, name);
    if (access(path, R_OK) != 0)
        return MW_OK; /* a model without rows: nothing to send it */
    char model[PATH_MAX + 512];
    snprintf(model, sizeof model, "%s/models/%s", folder, file);
    example->endpoint =
        (cli_endpoint){.name = name, .model = mw_arena_text(&examples->arena, mw_view_of(model))};
    if (!example->endpoint.model)
        return mw_fail_memory(err, "the examples");
    MW_TRY(mw_forest_load(model, &example->forest, err));
    examples->count++; /* from here on it is freed with the others */
    MW_TRY(read_rows(example, path, &examples->arena, err));
    return predict_rows(example, &examples->arena, err);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static mw_status load_folder(demo_examples *examples, const char *folder, mw_error *err)
{
    char models[PATH_MAX + 16];
    struct dirent **entries = NULL;
    mw_status status = MW_OK;
    snprintf(models, sizeof models, "%s/models", folder);
    int n_entries = scandir(models, &entries, is_visible, alphasort);
    for (int i = 0; i < n_entries; i++) {
        if (status == MW_OK && examples->count < DEMO_EXAMPLES_MAX)
            status = load_example(examples, folder, entries[i]->d_name, err);
        free(entries[i]);
    }
    free(entries);
    if (status == MW_OK && examples->count == 0)
        return fail_missing(folder, err);
    return status;
}

mw_status demo_find_examples(const char *folder, char *ret_folder, size_t size, mw_error *err)
{
    if (!folder && !find_folder(ret_folder, size))
        return fail_missing(NULL, err);
    if (folder && (size_t)snprintf(ret_folder, size, "%s", folder) >= size)
        return fail_missing(folder, err);
    return MW_OK;
}

mw_status demo_examples_load(const char *folder, demo_examples *ret_examples, mw_error *err)
{
    char found[PATH_MAX];
    MW_TRY(demo_find_examples(folder, found, sizeof found, err));
    folder = found;
    *ret_examples = (demo_examples){.count = 0};
    mw_arena_init(&ret_examples->arena, MW_MIB, ARENA_BYTES_MAX);
    mw_status status = load_folder(ret_examples, folder, err);
    if (status != MW_OK)
        demo_examples_free(ret_examples);
    return status;
}

void demo_examples_free(demo_examples *examples)
{
    for (size_t i = 0; i < examples->count; i++)
        mw_forest_free(examples->of[i].forest);
    mw_arena_done(&examples->arena);
    examples->count = 0;
}
