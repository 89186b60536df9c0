/* Rows of the prediction log as an Arrow file: times as times, numbers as numbers, texts as texts.
 * A column is one of texts where any shape has categories, classes or hashes there. */
#include "prediction_log.h"

#include <math.h>
#include <stdlib.h>

#include "arrow_file.h"

enum { TIME, ID, ENDPOINT, VERSION, MODEL, N_OWN };

struct cli_log_arrow {
    arrow_file file;
    mw_buf text; /* of a cell */
    arrow_column columns[];
};

static const arrow_column own[N_OWN] = {{.name = "time", .kind = ARROW_MOMENT_MS},
                                        {.name = "id", .kind = ARROW_TEXT},
                                        {.name = "endpoint", .kind = ARROW_TEXT},
                                        {.name = "version", .kind = ARROW_INT64},
                                        {.name = "model", .kind = ARROW_TEXT}};

void cli_log_arrow_head(cli_log_table *table)
{
    struct cli_log_arrow *arrow =
        calloc(1, sizeof *arrow + (N_OWN + table->n_names) * sizeof *arrow->columns);
    table->arrow = arrow;
    table->failed = table->failed || !arrow;
    if (!arrow)
        return;
    memcpy(arrow->columns, own, sizeof own);
    for (size_t i = 0; i < table->n_names; i++) {
        arrow->columns[N_OWN + i].name = table->names[i];
        arrow->columns[N_OWN + i].kind = table->is_text[i] ? ARROW_TEXT : ARROW_DOUBLE;
    }
    mw_buf_init(&arrow->text, MW_MIB);
    arrow_file_begin(&arrow->file, arrow->columns, N_OWN + table->n_names, table->out);
    table->failed = table->failed || arrow->file.failed;
}

/* The text that a code stands for; absent: it is a number. */
static mw_view text_of(const mw_log_shape *shape, size_t i, double value)
{
    const mw_view *texts = NULL;
    size_t n = 0;
    if (i < shape->n_columns) {
        texts = shape->columns[i].categories;
        n = shape->columns[i].n_categories;
    } else if (shape->answer == MW_LOG_CLASS) {
        texts = shape->classes;
        n = shape->n_classes;
    }
    return texts && value >= 0 && value < (double)n ? texts[(size_t)value] : (mw_view){NULL, 0};
}

static void write_number(mw_buf *out, double value)
{
    char text[MW_NUMBER_TEXT_BYTES];
    mw_buf_bytes(out, text, mw_number_write_double(text, value, false));
}

static void put_formatted(struct cli_log_arrow *arrow, arrow_column *column)
{
    arrow_put_text(column, mw_buf_as_view(&arrow->text));
    mw_buf_reset(&arrow->text);
}

static void put_cell(struct cli_log_arrow *arrow, arrow_column *column, const mw_log_row *row,
                     size_t i)
{
    const mw_log_shape *shape = row->shape;
    size_t contributions = shape->n_columns + shape->n_outputs;
    bool is_input = i < shape->n_columns;
    double value = is_input             ? row->inputs[i]
                   : i < contributions  ? row->outputs[i - shape->n_columns]
                   : row->contributions ? row->contributions[i - contributions]
                                        : (double)NAN;
    mw_view text = i < contributions ? text_of(shape, i, value) : (mw_view){NULL, 0};
    if (is_input && shape->columns[i].treatment == MW_LOG_HASHED) {
        uint64_t hash;
        memcpy(&hash, &value, sizeof hash);
        mw_buf_format(&arrow->text, "%016llx", (unsigned long long)hash);
        put_formatted(arrow, column);
    } else if (text.data) {
        arrow_put_text(column, text);
    } else if (isnan(value)) {
        arrow_put_null(column);
    } else if (column->kind == ARROW_TEXT) {
        write_number(&arrow->text, value);
        put_formatted(arrow, column);
    } else {
        arrow_put_double(column, value);
    }
}

void cli_log_arrow_row(cli_log_table *table, const mw_log_row *row)
{
    struct cli_log_arrow *arrow = table->arrow;
    arrow_column *columns = arrow->columns;
    arrow_put_int(&columns[TIME], row->time_ms);
    mw_buf_format(&arrow->text, "%.*s#%u", MW_VIEW_ARG(row->id), row->row);
    put_formatted(arrow, &columns[ID]);
    arrow_put_text(&columns[ENDPOINT], row->shape->endpoint);
    arrow_put_int(&columns[VERSION], row->shape->version);
    mw_buf_format(&arrow->text, "%016llx", (unsigned long long)row->shape->model);
    put_formatted(arrow, &columns[MODEL]);
    for (size_t i = 0; i < table->n_names; i++)
        if (table->from[i] == SIZE_MAX)
            arrow_put_null(&columns[N_OWN + i]);
        else
            put_cell(arrow, &columns[N_OWN + i], row, table->from[i]);
    arrow_file_row(&arrow->file);
    table->failed = table->failed || arrow->file.failed;
}

void cli_log_arrow_end(cli_log_table *table)
{
    arrow_file_end(&table->arrow->file);
    table->failed = table->failed || table->arrow->file.failed;
}

void cli_log_arrow_done(cli_log_table *table)
{
    if (!table->arrow)
        return;
    if (table->arrow->file.out) {
        arrow_file_done(&table->arrow->file);
        mw_buf_done(&table->arrow->text);
    }
    free(table->arrow);
    table->arrow = NULL;
}
