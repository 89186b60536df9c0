/* Rows of the prediction log as CSV or JSON lines; as an Arrow file: log_arrow.c.
 *
 *     shapes --> names of all inputs and outputs, each once --> header
 *     row --> cells by name --> line */
#include "prediction_log.h"

#include <math.h>
#include <stdlib.h>

#include "members.h"
#include "scores.h"

#define CONTRIBUTION "contribution."
#define BIAS "contribution_bias"

/* Ours, which an input of the same name must not hide. */
static const char *const own[] = {"time", "id", "endpoint", "version", "model"};

/* ---- names ----------------------------------------------------------------------------------- */

static void write_input_name(mw_view name, mw_buf *out)
{
    bool is_ours = mw_view_starts(name, CONTRIBUTION) || mw_view_is(name, BIAS);
    for (size_t o = 0; o < MW_COUNT(own); o++)
        is_ours = is_ours || mw_view_is(name, own[o]);
    mw_buf_text(out, is_ours ? "input." : "");
    mw_buf_view(out, name);
}

static void write_output_name(const mw_log_shape *shape, size_t i, mw_buf *out)
{
    mw_buf_text(out, "prediction");
    if (shape->n_outputs == 1)
        return;
    if (shape->answer == MW_LOG_PROBABILITIES && shape->classes) {
        mw_buf_char(out, '.');
        mw_buf_view(out, shape->classes[i]);
    } else {
        mw_buf_format(out, ".%zu", i);
    }
}

static void write_name(const mw_log_shape *shape, size_t i, mw_buf *out)
{
    size_t outputs = shape->n_columns, contributions = outputs + shape->n_outputs;
    if (i < outputs) {
        write_input_name(shape->columns[i].name, out);
    } else if (i < contributions) {
        write_output_name(shape, i - outputs, out);
    } else if (i < contributions + shape->n_columns) {
        mw_buf_text(out, CONTRIBUTION);
        mw_buf_view(out, shape->columns[i - contributions].name);
    } else {
        mw_buf_text(out, BIAS);
    }
}

/* Its number among the names, a new one for a new name. */
static size_t place_of(cli_log_table *table, mw_view name)
{
    for (size_t i = 0; i < table->n_names; i++)
        if (mw_view_is(name, table->names[i]))
            return i;
    if (table->n_names == table->capacity) {
        size_t wanted = table->capacity ? 2 * table->capacity : 64;
        char **grown = realloc(table->names, wanted * sizeof *grown);
        bool *kinds = realloc(table->is_text, wanted * sizeof *kinds);
        table->names = grown ? grown : table->names;
        table->is_text = kinds ? kinds : table->is_text;
        if (!grown || !kinds) {
            table->failed = true;
            return 0;
        }
        table->capacity = wanted;
    }
    table->names[table->n_names] = strndup(name.data, name.size);
    table->is_text[table->n_names] = false;
    table->failed = table->failed || !table->names[table->n_names];
    table->n_names += !table->failed;
    return table->failed ? 0 : table->n_names - 1;
}

static bool has_texts(const mw_log_shape *shape, size_t i)
{
    if (i >= shape->n_columns + shape->n_outputs)
        return false;
    if (i >= shape->n_columns)
        return shape->answer == MW_LOG_CLASS && shape->classes;
    return shape->columns[i].treatment == MW_LOG_HASHED || shape->columns[i].categories;
}

static void turn_places(cli_log_table *table)
{
    free(table->from);
    table->from = calloc(table->n_names + 1, sizeof *table->from);
    table->failed = table->failed || !table->from;
    for (size_t i = 0; !table->failed && i < table->n_names; i++)
        table->from[i] = SIZE_MAX;
    for (size_t i = 0; !table->failed && i < table->n_places; i++)
        table->from[table->place[i]] = i;
}

/* Where each column and output of the shape stands. */
static void use_shape(cli_log_table *table, const mw_log_shape *shape)
{
    mw_buf name;
    size_t n = shape->n_columns + shape->n_outputs + (shape->explains ? shape->n_columns + 1 : 0);
    free(table->place);
    table->place = calloc(n + 1, sizeof *table->place);
    table->n_places = n;
    table->failed = table->failed || !table->place;
    mw_buf_init(&name, MW_MIB);
    for (size_t i = 0; !table->failed && i < n; i++) {
        mw_buf_reset(&name);
        write_name(shape, i, &name);
        table->place[i] = place_of(table, mw_buf_as_view(&name));
        if (!table->failed)
            table->is_text[table->place[i]] |= has_texts(shape, i);
    }
    mw_buf_done(&name);
    if (table->form == CLI_LOG_ARROW)
        turn_places(table);
    table->shape = shape;
}

void cli_log_table_add(void *table, const mw_log_shape *shape)
{
    use_shape(table, shape);
}

/* ---- cells ----------------------------------------------------------------------------------- */

static void write_number(mw_buf *out, double value)
{
    char text[MW_NUMBER_TEXT_BYTES];
    mw_buf_bytes(out, text, mw_number_write_double(text, value, false));
}

static void write_quoted(mw_buf *out, mw_view text)
{
    bool is_plain = text.size > 0 && !memchr(text.data, '"', text.size) &&
                    !memchr(text.data, ',', text.size) && !memchr(text.data, '\n', text.size) &&
                    !memchr(text.data, '\r', text.size);
    if (is_plain)
        mw_buf_view(out, text);
    else
        cli_csv_text(out, text);
}

static void write_input(const mw_log_column *column, double value, mw_buf *out)
{
    if (column->treatment == MW_LOG_HASHED) {
        uint64_t hash;
        memcpy(&hash, &value, sizeof hash);
        mw_buf_format(out, "%016llx", (unsigned long long)hash);
        return;
    }
    bool is_category = column->categories && value >= 0 && value < (double)column->n_categories;
    if (is_category)
        write_quoted(out, column->categories[(size_t)value]);
    else if (!isnan(value))
        write_number(out, value);
}

static void write_output(const mw_log_shape *shape, double value, mw_buf *out)
{
    bool is_class = shape->answer == MW_LOG_CLASS && shape->classes && value >= 0 &&
                    value < (double)shape->n_classes;
    if (is_class)
        write_quoted(out, shape->classes[(size_t)value]);
    else if (!isnan(value))
        write_number(out, value);
}

/* They are kept as float32. */
static void write_contribution(double value, mw_buf *out)
{
    char text[MW_NUMBER_TEXT_BYTES];
    if (!isnan(value))
        mw_buf_bytes(out, text, mw_number_write_float(text, (float)value, false));
}

/* ---- lines ----------------------------------------------------------------------------------- */

void cli_log_table_head(cli_log_table *table)
{
    if (table->form == CLI_LOG_ARROW) {
        cli_log_arrow_head(table);
        return;
    }
    table->cells = calloc(table->n_names + 1, sizeof *table->cells);
    table->failed = table->failed || !table->cells;
    for (size_t i = 0; !table->failed && i < table->n_names; i++)
        mw_buf_init(&table->cells[i], MW_MIB);
    if (table->form != CLI_LOG_CSV || table->failed)
        return;
    mw_buf_text(table->out, "time,id,endpoint,version,model");
    for (size_t i = 0; i < table->n_names; i++) {
        mw_buf_char(table->out, ',');
        write_quoted(table->out, mw_view_of(table->names[i]));
    }
    mw_buf_char(table->out, '\n');
}

static void write_cell(const mw_log_row *row, size_t i, mw_buf *out)
{
    const mw_log_shape *shape = row->shape;
    size_t contributions = shape->n_columns + shape->n_outputs;
    if (i < shape->n_columns)
        write_input(&shape->columns[i], row->inputs[i], out);
    else if (i < contributions)
        write_output(shape, row->outputs[i - shape->n_columns], out);
    else if (row->contributions)
        write_contribution(row->contributions[i - contributions], out);
}

static void write_csv(cli_log_table *table, const mw_log_row *row)
{
    mw_buf *out = table->out;
    for (size_t i = 0; i < table->n_places; i++) {
        mw_buf *cell = &table->cells[table->place[i]];
        mw_buf_reset(cell);
        write_cell(row, i, cell);
    }
    mw_clock_write_utc(out, row->time_ms);
    mw_buf_format(out, ",%.*s#%u,", MW_VIEW_ARG(row->id), row->row);
    mw_buf_view(out, row->shape->endpoint);
    mw_buf_format(out, ",%u,%016llx", row->shape->version, (unsigned long long)row->shape->model);
    for (size_t i = 0; i < table->n_names; i++) {
        mw_buf_char(out, ',');
        mw_buf_view(out, mw_buf_as_view(&table->cells[i]));
    }
    mw_buf_char(out, '\n');
}

static void write_json_line(cli_log_table *table, const mw_log_row *row)
{
    mw_log_row_json(row, table->out);
    mw_buf_char(table->out, '\n');
}

void cli_log_table_row(cli_log_table *table, const mw_log_row *row)
{
    if (row->shape != table->shape) {
        size_t n = table->n_names;
        use_shape(table, row->shape);
        table->failed = table->failed || table->n_names != n; /* told of none: written meanwhile */
    }
    if (table->failed)
        return;
    if (table->form == CLI_LOG_ARROW)
        cli_log_arrow_row(table, row);
    else if (table->form == CLI_LOG_JSONL)
        write_json_line(table, row);
    else
        write_csv(table, row);
}

void cli_log_table_end(cli_log_table *table)
{
    if (table->form == CLI_LOG_ARROW && !table->failed)
        cli_log_arrow_end(table);
}

void cli_log_table_done(cli_log_table *table)
{
    cli_log_arrow_done(table);
    for (size_t i = 0; table->cells && i < table->n_names; i++)
        mw_buf_done(&table->cells[i]);
    for (size_t i = 0; i < table->n_names; i++)
        free(table->names[i]);
    free(table->names);
    free(table->cells);
    free(table->place);
    free(table->from);
    free(table->is_text);
}

const char *cli_log_answer_name(const mw_log_shape *shape)
{
    static const char *const names[] = {"number", "probability", "probabilities", "class"};
    return names[shape->answer];
}
