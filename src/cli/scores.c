/* Predictions as text. */
#include "scores.h"

void cli_csv_text(mw_buf *out, mw_view text)
{
    mw_buf_char(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"')
            mw_buf_char(out, '"');
        mw_buf_char(out, text.data[i]);
    }
    mw_buf_char(out, '"');
}

void cli_csv_name(mw_buf *out, mw_view name)
{
    bool quoted = false;
    for (size_t i = 0; i < name.size; i++)
        quoted = quoted || strchr(",\"\r\n", name.data[i]);
    if (quoted)
        cli_csv_text(out, name);
    else
        mw_buf_view(out, name);
}

/* Of a graph: "class_setosa" for a classifier's scores, else the output's own name, "box_3" where
 * it has several values. */
static void graph_name(const mw_forest *forest, size_t i, mw_buf *out)
{
    const mw_graph *graph = forest->graph;
    const mw_graph_tensor *output = graph->outputs;
    while (i < output->first || i >= output->first + output->count)
        output++;
    if (output->first == 0 && forest->n_classes == output->count && output->count > 1) {
        mw_buf_text(out, "class_");
        mw_buf_view(out, forest->class_labels[i]);
    } else if (output->count > 1)
        mw_buf_format(out, "%s_%zu", output->name, i - output->first);
    else
        mw_buf_text(out, graph->n_outputs == 1 ? "prediction" : output->name);
}

/* "margin", "margin_2", "prediction", "prediction_2", "class_2", "class_setosa" */
static void plain_name(const mw_forest *forest, mw_output output, size_t n_outputs, size_t i,
                       mw_buf *out)
{
    bool is_class = output == MW_PREDICTION && n_outputs == forest->n_classes;
    const char *noun = output == MW_MARGIN ? "margin" : "prediction";
    if (forest->graph)
        graph_name(forest, i, out);
    else if (n_outputs == 1)
        mw_buf_text(out, noun);
    else if (is_class && forest->class_labels) {
        mw_buf_text(out, "class_");
        mw_buf_view(out, forest->class_labels[i]);
    } else
        mw_buf_format(out, "%s_%zu", is_class ? "class" : noun, i);
}

static const char *ready_name(mw_view plain, bool json, mw_arena *arena)
{
    mw_buf ready;
    mw_buf_init(&ready, MW_MIB);
    if (json)
        mw_json_write_text(&ready, plain);
    else
        cli_csv_name(&ready, plain);
    const char *kept = ready.failed ? NULL : mw_arena_text(arena, mw_buf_as_view(&ready));
    mw_buf_done(&ready);
    return kept;
}

/* A model that answers with a class, and knows what its classes are called, answers so here too. */
static bool answers_with_label(const mw_forest *forest, mw_output output)
{
    bool is_label = forest->transform == MW_TRANSFORM_SIGMOID_LABEL ||
                    forest->transform == MW_TRANSFORM_SOFTMAX_LABEL;
    return is_label && output == MW_PREDICTION && forest->class_labels &&
           forest->n_predictions == 1;
}

static mw_status take_labels(cli_scores *scores, const mw_forest *forest, mw_arena *arena,
                             mw_error *err)
{
    scores->labels = mw_arena_take_zeroed(arena, forest->n_classes, sizeof *scores->labels);
    for (size_t i = 0; scores->labels && i < forest->n_classes; i++) {
        scores->labels[i] = ready_name(forest->class_labels[i], scores->json, arena);
        if (!scores->labels[i])
            scores->labels = NULL;
    }
    if (!scores->labels)
        return mw_fail_memory(err, "the class labels");
    scores->n_labels = forest->n_classes;
    return MW_OK;
}

mw_status cli_scores_init(cli_scores *scores, const mw_forest *forest,
                          const mw_predictor *predictor, mw_output output, bool json,
                          mw_arena *arena, mw_error *err)
{
    *scores = (cli_scores){
        .n_outputs = mw_predictor_outputs(predictor, output),
        .float32 = mw_predictor_is_float32(predictor),
        .json = json,
    };
    scores->names = mw_arena_take_zeroed(arena, scores->n_outputs, sizeof *scores->names);
    if (!scores->names)
        return mw_fail_memory(err, "the column names");
    mw_buf plain;
    mw_buf_init(&plain, MW_MIB);
    for (size_t i = 0; i < scores->n_outputs; i++) {
        mw_buf_reset(&plain);
        plain_name(forest, output, scores->n_outputs, i, &plain);
        scores->names[i] = ready_name(mw_buf_as_view(&plain), json, arena);
        if (!scores->names[i]) {
            mw_buf_done(&plain);
            return mw_fail_memory(err, "the column names");
        }
    }
    mw_buf_done(&plain);
    if (forest->graph) {
        scores->elements = forest->graph->elements;
        return forest->class_labels ? take_labels(scores, forest, arena, err) : MW_OK;
    }
    return answers_with_label(forest, output) ? take_labels(scores, forest, arena, err) : MW_OK;
}

void cli_scores_header(const cli_scores *scores, mw_buf *out)
{
    if (scores->json)
        return;
    for (size_t i = 0; i < scores->n_outputs; i++) {
        if (i > 0)
            mw_buf_char(out, ',');
        mw_buf_text(out, scores->names[i]);
    }
    mw_buf_char(out, '\n');
}

static void csv_row(const cli_scores *scores, const double *values, mw_buf *out)
{
    if (!mw_buf_reserve(out, scores->n_outputs * MW_NUMBER_TEXT_BYTES))
        return;
    char *at = out->data + out->size;
    for (size_t i = 0; i < scores->n_outputs; i++) {
        at += scores->float32 ? mw_number_write_float(at, (float)values[i], true)
                              : mw_number_write_double(at, values[i], true);
        *at++ = i + 1 < scores->n_outputs ? ',' : '\n';
    }
    *at = '\0';
    out->size = (size_t)(at - out->data);
}

static void json_row(const cli_scores *scores, const double *values, mw_buf *out)
{
    for (size_t i = 0; i < scores->n_outputs; i++) {
        mw_buf_char(out, i ? ',' : '{');
        mw_buf_text(out, scores->names[i]);
        mw_buf_char(out, ':');
        if (scores->float32)
            mw_json_write_float(out, (float)values[i]);
        else
            mw_json_write_double(out, values[i]);
    }
    mw_buf_text(out, "}\n");
}

static void label_row(const cli_scores *scores, double value, mw_buf *out)
{
    const char *label = scores->labels[(size_t)value];
    if (scores->json)
        mw_buf_format(out, "{%s:%s}\n", scores->names[0], label);
    else
        mw_buf_format(out, "%s\n", label);
}

/* One value of a graph, as its type has it. */
static void graph_value(const cli_scores *scores, size_t i, double value, mw_buf *out)
{
    mw_element element = scores->elements[i];
    bool is_class = value >= 0 && value < (double)scores->n_labels;
    char text[MW_NUMBER_TEXT_BYTES];
    if (element == MW_ELEMENT_TEXT && is_class)
        mw_buf_text(out, scores->labels[(size_t)value]);
    else if (element == MW_ELEMENT_INT64 || element == MW_ELEMENT_INT32)
        mw_json_write_int(out, (int64_t)value);
    else if (scores->json && element == MW_ELEMENT_FLOAT32)
        mw_json_write_float(out, (float)value);
    else if (scores->json)
        mw_json_write_double(out, value);
    else
        mw_buf_bytes(out, text,
                     element == MW_ELEMENT_FLOAT32 ? mw_number_write_float(text, (float)value, true)
                                                   : mw_number_write_double(text, value, true));
}

static void graph_row(const cli_scores *scores, const double *values, mw_buf *out)
{
    for (size_t i = 0; i < scores->n_outputs; i++) {
        if (scores->json)
            mw_buf_format(out, "%s%s:", i ? "," : "{", scores->names[i]);
        else
            mw_buf_text(out, i ? "," : "");
        graph_value(scores, i, values[i], out);
    }
    mw_buf_text(out, scores->json ? "}\n" : "\n");
}

void cli_scores_row(const cli_scores *scores, const double *values, mw_buf *out)
{
    if (scores->elements)
        graph_row(scores, values, out);
    else if (scores->labels && values[0] >= 0 && values[0] < (double)scores->n_labels)
        label_row(scores, values[0], out);
    else if (scores->json)
        json_row(scores, values, out);
    else
        csv_row(scores, values, out);
}
