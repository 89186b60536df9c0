/* model show: what a model file holds. */
#include "call.h"
#include "predict/predict.h"

enum {
    TEXT_BYTES_MAX = 256 << 20, /* a model of millions of features lists them all */
    KEY_COLUMN = 13,
    FEATURES_SHOWN = 60, /* on a terminal; a pipe and --json get all */
    CATEGORIES_SHOWN = 8
};

typedef struct shown_model {
    const char *path;
    const mw_forest *forest;
    size_t memory_bytes;
    const char *kernel;
} shown_model;

static const char *transform_name(mw_transform transform)
{
    static const char *const names[] = {
        [MW_TRANSFORM_IDENTITY] = "identity",
        [MW_TRANSFORM_SIGMOID] = "sigmoid",
        [MW_TRANSFORM_SOFTMAX] = "softmax",
        [MW_TRANSFORM_ARGMAX] = "argmax",
        [MW_TRANSFORM_EXP] = "exp",
        [MW_TRANSFORM_HINGE] = "hinge",
        [MW_TRANSFORM_SIGNED_SQUARE] = "signed square",
        [MW_TRANSFORM_LOG1P_EXP] = "log1p(exp)",
        [MW_TRANSFORM_SIGMOID_LABEL] = "sigmoid, then label",
        [MW_TRANSFORM_SOFTMAX_LABEL] = "softmax, then label",
        [MW_TRANSFORM_PAIR_SHARE] = "1 - x, x",
        [MW_TRANSFORM_PAIR_SIGN] = "-x, x",
        [MW_TRANSFORM_PAIR_SIGMOID] = "sigmoid of -x, x",
        [MW_TRANSFORM_SOFTMAX_ZERO] = "softmax, zeros stay",
        [MW_TRANSFORM_PROBIT] = "probit",
        [MW_TRANSFORM_SHARES] = "shares of the sum",
        [MW_TRANSFORM_SCALED_EXP] = "exp",
        [MW_TRANSFORM_RECIPE] = "operators of the graph",
    };
    return (unsigned)transform < MW_COUNT(names) ? names[transform] : "unknown";
}

/* "2", "setosa" */
static void class_label(const mw_forest *forest, size_t i, mw_buf *out)
{
    if (forest->class_labels)
        mw_buf_view(out, forest->class_labels[i]);
    else
        mw_buf_format(out, "%zu", i);
}

/* ---- for people and pipes -------------------------------------------------------------------- */

static void human_bytes(mw_buf *out, size_t bytes)
{
    if (bytes < 10 * MW_KIB)
        mw_buf_format(out, "%zu bytes", bytes);
    else if (bytes < 10 * MW_MIB)
        mw_buf_format(out, "%.0f KiB", (double)bytes / (double)MW_KIB);
    else
        mw_buf_format(out, "%.1f MiB", (double)bytes / (double)MW_MIB);
}

static void key(mw_buf *out, bool tty, const char *name)
{
    size_t start = out->size;
    mw_buf_text(out, name);
    if (tty)
        cli_pad(out, start, KEY_COLUMN);
    else
        mw_buf_char(out, '\t');
}

static void number_line(mw_buf *out, bool tty, const char *name, size_t value)
{
    key(out, tty, name);
    mw_buf_format(out, "%zu\n", value);
}

static void text_line(mw_buf *out, bool tty, const char *name, const char *value)
{
    key(out, tty, name);
    mw_buf_format(out, "%s\n", value);
}

static void bytes_line(mw_buf *out, bool tty, const char *name, size_t bytes)
{
    key(out, tty, name);
    if (tty)
        human_bytes(out, bytes);
    else
        mw_buf_format(out, "%zu", bytes);
    mw_buf_char(out, '\n');
}

static void class_line(mw_buf *out, bool tty, const mw_forest *forest)
{
    if (forest->n_classes == 0)
        return;
    key(out, tty, "classes");
    mw_buf_format(out, "%zu", forest->n_classes);
    for (size_t i = 0; i < forest->n_classes && (i < CATEGORIES_SHOWN || !tty); i++) {
        mw_buf_text(out, i ? ", " : ": ");
        class_label(forest, i, out);
    }
    mw_buf_text(out, forest->n_classes > CATEGORIES_SHOWN && tty ? ", ...\n" : "\n");
}

/* A default as it was declared: a category by its text. */
static void json_default(mw_buf *out, const mw_column *column)
{
    double value = column->default_value;
    if (column->categories && value >= 0 && value < (double)column->n_categories)
        mw_json_write_text(out, column->categories[(size_t)value]);
    else
        mw_json_write_double(out, value);
}

static void declared(mw_buf *out, const mw_column *column)
{
    for (size_t i = 0; i < column->n_was; i++)
        mw_buf_format(out, "%s%.*s", i ? " or " : ", was ", MW_VIEW_ARG(column->was[i]));
    if (!column->has_default)
        return;
    mw_buf_text(out, ", left out: ");
    json_default(out, column);
}

static void feature_line(mw_buf *out, bool tty, const mw_column *column, size_t widest)
{
    size_t start = out->size;
    mw_buf_text(out, tty ? "  " : "feature\t");
    mw_buf_view(out, column->name);
    if (tty)
        cli_pad(out, start, widest + 4);
    else
        mw_buf_char(out, '\t');
    mw_buf_text(out, mw_column_type_name(column->type));
    if (column->optional)
        mw_buf_text(out, ", optional");
    declared(out, column);
    if (column->categories)
        mw_buf_format(out, "[%zu]", column->n_categories);
    if (column->hashed)
        mw_buf_format(out, ", %zu known by hash", column->n_category_hashes);
    for (size_t i = 0; column->categories && i < column->n_categories; i++) {
        if (tty && i == CATEGORIES_SHOWN) {
            mw_buf_text(out, ", ...");
            break;
        }
        mw_buf_text(out, i ? ", " : tty ? "  " : "\t");
        mw_buf_view(out, column->categories[i]);
    }
    mw_buf_char(out, '\n');
}

static void feature_lines(mw_buf *out, bool tty, const mw_schema *schema)
{
    size_t shown = tty && schema->n_columns > FEATURES_SHOWN ? FEATURES_SHOWN : schema->n_columns;
    size_t widest = 0;
    for (size_t i = 0; i < shown; i++)
        if (schema->columns[i].name.size > widest)
            widest = schema->columns[i].name.size;
    if (widest > 40)
        widest = 40;
    for (size_t i = 0; i < shown; i++)
        feature_line(out, tty, &schema->columns[i], widest);
    if (shown < schema->n_columns)
        mw_buf_format(out, "  ... and %zu more: --json shows all\n", schema->n_columns - shown);
}

/* "x float32 [-1, 3, 8, 8]" */
static void tensor_shape(const mw_graph_tensor *tensor, mw_buf *out)
{
    mw_buf_char(out, '[');
    for (size_t i = 0; i < tensor->rank; i++)
        mw_buf_format(out, i ? ", %lld" : "%lld", (long long)(i ? tensor->dims[i] : -1));
    mw_buf_char(out, ']');
}

static void tensor_lines(mw_buf *out, bool tty, const char *name, const mw_graph_tensor *tensors,
                         size_t n)
{
    for (size_t i = 0; i < n; i++) {
        key(out, tty, name);
        mw_buf_format(out, "%s %s ", tensors[i].name, mw_element_name(tensors[i].element));
        tensor_shape(&tensors[i], out);
        mw_buf_char(out, '\n');
    }
}

static void graph_lines(mw_buf *out, bool tty, const mw_graph *graph)
{
    key(out, tty, "runtime");
    mw_buf_format(out, "ONNX Runtime %s\n", graph->runtime);
    text_line(out, tty, "operators", graph->operators[0] ? graph->operators : "-");
    if (graph->batch_rows)
        number_line(out, tty, "batch", graph->batch_rows);
    tensor_lines(out, tty, "input", graph->inputs, graph->n_inputs);
    tensor_lines(out, tty, "output", graph->outputs, graph->n_outputs);
}

static void tree_lines(mw_buf *out, bool tty, const mw_forest *forest)
{
    text_line(out, tty, "transform", transform_name(forest->transform));
    class_line(out, tty, forest);
    number_line(out, tty, "trees", forest->n_trees);
    number_line(out, tty, "depth", forest->max_depth);
    number_line(out, tty, "leaves", forest->n_leaves);
    number_line(out, tty, "iterations", forest->n_iterations);
    if (forest->best_iteration >= 0)
        number_line(out, tty, "best", (size_t)forest->best_iteration);
    number_line(out, tty, "margins", forest->n_margins);
}

static void write_text(mw_buf *out, bool tty, const shown_model *model)
{
    const mw_forest *forest = model->forest;
    const char *cannot = mw_forest_cannot(forest);
    text_line(out, tty, "model", model->path);
    text_line(out, tty, "format", mw_format_name(forest->format));
    text_line(out, tty, "library", forest->library_version[0] ? forest->library_version : "-");
    text_line(out, tty, "objective", forest->objective);
    if (forest->graph) {
        class_line(out, tty, forest);
        graph_lines(out, tty, forest->graph);
    } else {
        tree_lines(out, tty, forest);
    }
    number_line(out, tty, "predictions", forest->n_predictions);
    bytes_line(out, tty, "size", forest->file_bytes);
    bytes_line(out, tty, "memory", model->memory_bytes);
    text_line(out, tty, "kernel", model->kernel);
    text_line(out, tty, "cannot", cannot[0] ? cannot : "-");
    key(out, tty, "features");
    mw_buf_format(out, "%zu, matched by %s\n", forest->n_features,
                  forest->schema.named ? "name" : "position");
    feature_lines(out, tty, &forest->schema);
}

/* ---- for programs ---------------------------------------------------------------------------- */

static void json_text(mw_buf *out, const char *name, const char *value)
{
    mw_buf_format(out, ",\"%s\":", name);
    mw_json_write_text(out, mw_view_of(value));
}

static void json_number(mw_buf *out, const char *name, size_t value)
{
    mw_buf_format(out, ",\"%s\":%zu", name, value);
}

static void json_classes(mw_buf *out, const mw_forest *forest)
{
    mw_buf label;
    mw_buf_init(&label, MW_MIB);
    mw_buf_text(out, ",\"class_labels\":[");
    for (size_t i = 0; i < forest->n_classes; i++) {
        mw_buf_reset(&label);
        class_label(forest, i, &label);
        mw_buf_text(out, i ? "," : "");
        mw_json_write_text(out, mw_buf_as_view(&label));
    }
    mw_buf_char(out, ']');
    mw_buf_done(&label);
}

static void json_feature(mw_buf *out, const mw_column *column)
{
    mw_buf_text(out, "{\"name\":");
    mw_json_write_text(out, column->name);
    mw_buf_format(out, ",\"type\":\"%s\",\"optional\":%s", mw_column_type_name(column->type),
                  column->optional ? "true" : "false");
    for (size_t i = 0; i < column->n_was; i++) {
        mw_buf_text(out, i ? "," : ",\"was\":[");
        mw_json_write_text(out, column->was[i]);
    }
    mw_buf_text(out, column->n_was ? "]" : "");
    if (column->has_default) {
        mw_buf_text(out, ",\"default\":");
        json_default(out, column);
    }
    if (column->hashed)
        mw_buf_format(out, ",\"known_hashes\":%zu", column->n_category_hashes);
    if (column->categories) {
        mw_buf_text(out, ",\"categories\":[");
        for (size_t i = 0; i < column->n_categories; i++) {
            mw_buf_text(out, i ? "," : "");
            mw_json_write_text(out, column->categories[i]);
        }
        mw_buf_char(out, ']');
    }
    mw_buf_char(out, '}');
}

static void json_tensors(mw_buf *out, const char *name, const mw_graph_tensor *tensors, size_t n)
{
    mw_buf_format(out, ",\"%s\":[", name);
    for (size_t i = 0; i < n; i++) {
        mw_buf_text(out, i ? ",{\"name\":" : "{\"name\":");
        mw_json_write_text(out, mw_view_of(tensors[i].name));
        mw_buf_format(out, ",\"type\":\"%s\",\"shape\":", mw_element_name(tensors[i].element));
        tensor_shape(&tensors[i], out);
        mw_buf_char(out, '}');
    }
    mw_buf_char(out, ']');
}

static void json_graph(mw_buf *out, const mw_graph *graph)
{
    json_text(out, "runtime", graph->runtime);
    json_text(out, "operators", graph->operators);
    json_number(out, "batch_rows", graph->batch_rows);
    json_tensors(out, "inputs", graph->inputs, graph->n_inputs);
    json_tensors(out, "outputs", graph->outputs, graph->n_outputs);
}

static void write_json(mw_buf *out, const shown_model *model)
{
    const mw_forest *forest = model->forest;
    mw_buf_text(out, "{\"model\":");
    mw_json_write_text(out, mw_view_of(model->path));
    json_text(out, "format", mw_format_name(forest->format));
    json_text(out, "library_version", forest->library_version);
    json_text(out, "objective", forest->objective);
    json_text(out, "transform", transform_name(forest->transform));
    json_number(out, "trees", forest->n_trees);
    json_number(out, "depth", forest->max_depth);
    json_number(out, "nodes", forest->n_nodes);
    json_number(out, "leaves", forest->n_leaves);
    json_number(out, "iterations", forest->n_iterations);
    if (forest->best_iteration >= 0)
        json_number(out, "best_iteration", (size_t)forest->best_iteration);
    else
        mw_buf_text(out, ",\"best_iteration\":null");
    json_number(out, "margins", forest->n_margins);
    json_number(out, "predictions", forest->n_predictions);
    json_number(out, "classes", forest->n_classes);
    json_classes(out, forest);
    json_number(out, "file_bytes", forest->file_bytes);
    json_number(out, "memory_bytes", model->memory_bytes);
    json_text(out, "kernel", model->kernel);
    json_text(out, "cannot", mw_forest_cannot(forest));
    if (forest->graph)
        json_graph(out, forest->graph);
    mw_buf_format(out, ",\"named\":%s", forest->schema.named ? "true" : "false");
    json_number(out, "n_features", forest->n_features);
    mw_buf_text(out, ",\"features\":[");
    for (size_t i = 0; i < forest->schema.n_columns; i++) {
        mw_buf_text(out, i ? "," : "");
        json_feature(out, &forest->schema.columns[i]);
    }
    mw_buf_text(out, "]}\n");
}

mw_status cli_run_model_show(cli_call *call, mw_error *err)
{
    mw_forest *forest = NULL;
    mw_predictor *predictor = NULL;
    mw_buf out;
    mw_buf_init(&out, TEXT_BYTES_MAX);
    mw_status status = mw_forest_load(call->arguments[0], &forest, err);
    if (status == MW_OK)
        status = mw_predictor_new(forest, &predictor, err);
    if (status == MW_OK) {
        shown_model model = {
            .path = call->arguments[0],
            .forest = forest,
            .memory_bytes = mw_forest_memory_bytes(forest) + mw_predictor_memory_bytes(predictor),
            .kernel = mw_predictor_kernel(predictor),
        };
        if (cli_is_on(call, CLI_JSON))
            write_json(&out, &model);
        else
            write_text(&out, call->terminal.out_is_tty && !call->settings[CLI_OUTPUT].text, &model);
        status = cli_put(call, &out, err);
    }
    mw_buf_done(&out);
    mw_predictor_free(predictor);
    mw_forest_free(forest);
    return status;
}
