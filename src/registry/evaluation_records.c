/* Records of evaluation data sets: put by their inputs, read in pages, deleted. */
#include "evaluation_parts.h"

enum { USUAL_RESULTS = 1000 };
#define PAGE_BYTES (32 * MW_MIB) /* a page that is larger ends there */

void record_evaluation_id(char out[RECORD_EVALUATION_ID_BYTES], const char *prefix)
{
    char digits[RECORD_ID_BYTES];
    record_new_id(digits);
    snprintf(out, RECORD_EVALUATION_ID_BYTES, "%s%s", prefix, digits);
}

/* ---- putting --------------------------------------------------------------------------------- */

typedef struct put {
    mw_record *record;
    int64_t dataset, now, n_new, n_old;
    mw_buf texts[4]; /* inputs, outputs, expectations, tags; reused */
    mw_buf source;
    mw_view who; /* of the last one that says it */
} put;

enum { INPUTS, OUTPUTS, EXPECTATIONS, TAGS };

typedef struct old_record {
    int64_t row;
    mw_view outputs, expectations, tags, by;
} old_record;

static mw_status find_old(put *p, const char *hash, old_record *ret_old, mw_error *err)
{
    mw_rows rows;
    record_memory memory = {p->record->arena, false};
    MW_TRY(mw_rows_open(p->record->session, &rows, err,
                        "SELECT id, outputs, expectations, tags, updated_by FROM"
                        " evaluation_records WHERE dataset = ? AND input_hash = ?",
                        "it", p->dataset, mw_view_of(hash)));
    *ret_old = (old_record){0};
    if (mw_rows_next(&rows))
        *ret_old = (old_record){mw_rows_int(&rows, 0), record_column(&memory, &rows, 1),
                                record_column(&memory, &rows, 2), record_column(&memory, &rows, 3),
                                record_column(&memory, &rows, 4)};
    return record_close(&rows, &memory, err);
}

/* What the object in `before` is with these members; as it was where there are none. */
static mw_status merged(mw_view before, const mw_json *members, mw_buf *room, mw_view *ret_text,
                        mw_error *err)
{
    *ret_text = before;
    if (!members)
        return MW_OK;
    mw_buf_reset(room);
    MW_TRY(evaluation_merge(before, members, room, err));
    *ret_text = mw_buf_as_view(room);
    return room->failed
               ? record_refuse(err, "a record has at most %zu bytes", MW_LIMIT_DATASET_RECORD_BYTES)
               : MW_OK;
}

static mw_status written(const mw_json *node, mw_buf *room, mw_view *ret_text, mw_error *err)
{
    *ret_text = RECORD_NOTHING;
    if (!node || mw_json_is_null(node))
        return MW_OK;
    mw_buf_reset(room);
    mw_json_write_node(room, node);
    *ret_text = mw_buf_as_view(room);
    return room->failed
               ? record_refuse(err, "a record has at most %zu bytes", MW_LIMIT_DATASET_RECORD_BYTES)
               : MW_OK;
}

static mw_status change_old(put *p, const mw_evaluation_wish *wish, const old_record *old,
                            mw_error *err)
{
    mw_view outputs = old->outputs, expectations, tags;
    if (wish->outputs)
        MW_TRY(written(wish->outputs, &p->texts[OUTPUTS], &outputs, err));
    MW_TRY(
        merged(old->expectations, wish->expectations, &p->texts[EXPECTATIONS], &expectations, err));
    MW_TRY(merged(old->tags, wish->tags, &p->texts[TAGS], &tags, err));
    p->n_old++;
    return mw_sql_run(p->record->session, err,
                      "UPDATE evaluation_records SET outputs = ?, expectations = ?, tags = ?,"
                      " updated = ?, updated_by = ? WHERE id = ?",
                      "tttiti", outputs, expectations, tags, p->now,
                      wish->who.data ? wish->who : old->by, old->row);
}

static mw_status write_source(put *p, const mw_evaluation_wish *wish, mw_view *ret_source,
                              mw_error *err)
{
    *ret_source = RECORD_NOTHING;
    if (!wish->source)
        return MW_OK;
    const mw_json *data = mw_json_member(wish->source, "source_data");
    mw_buf_reset(&p->source);
    mw_buf_format(&p->source,
                  "{\"source_type\":\"%.*s\",\"source_data\":", MW_VIEW_ARG(wish->source_type));
    if (data && !mw_json_is_null(data))
        mw_json_write_node(&p->source, data);
    else
        mw_buf_text(&p->source, "{}");
    mw_buf_char(&p->source, '}');
    *ret_source = mw_buf_as_view(&p->source);
    return p->source.failed
               ? record_refuse(err, "a record has at most %zu bytes", MW_LIMIT_DATASET_RECORD_BYTES)
               : MW_OK;
}

/* What was not said of outputs is {}, as in MLflow's store; of expectations nothing. */
static mw_status make_new(put *p, const mw_evaluation_wish *wish, mw_error *err)
{
    char id[RECORD_EVALUATION_ID_BYTES];
    mw_view inputs, outputs, expectations, tags, source;
    MW_TRY(written(wish->inputs, &p->texts[INPUTS], &inputs, err));
    MW_TRY(written(wish->outputs, &p->texts[OUTPUTS], &outputs, err));
    MW_TRY(written(wish->expectations, &p->texts[EXPECTATIONS], &expectations, err));
    MW_TRY(written(wish->tags, &p->texts[TAGS], &tags, err));
    MW_TRY(write_source(p, wish, &source, err));
    record_evaluation_id(id, "dr-");
    p->n_new++;
    return mw_sql_run(
        p->record->session, err,
        "INSERT INTO evaluation_records(record_id, dataset, input_hash, inputs, outputs,"
        " expectations, tags, source, source_type, source_id, created, updated, created_by,"
        " updated_by) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "tittttttttiitt", mw_view_of(id), p->dataset, mw_view_of(wish->input_hash),
        inputs.data ? inputs : MW_VIEW("{}"), wish->outputs ? outputs : MW_VIEW("{}"), expectations,
        tags.data ? tags : MW_VIEW("{}"), source, wish->source_type, wish->source_id, p->now,
        p->now, wish->who, wish->who);
}

static mw_status put_one(put *p, const mw_evaluation_wish *wish, mw_error *err)
{
    old_record old;
    MW_TRY(find_old(p, wish->input_hash, &old, err));
    if (wish->who.data)
        p->who = wish->who;
    return old.row ? change_old(p, wish, &old, err) : make_new(p, wish, err);
}

static mw_status put_all(put *p, const mw_evaluation_wishes *wishes, mw_error *err)
{
    for (size_t i = 0; i < wishes->count; i++)
        if (put_one(p, &wishes->items[i], err) != MW_OK)
            return mw_at(err, "records[%zu]", i);
    return MW_OK;
}

static mw_status count_records(mw_record *record, int64_t dataset, int64_t *ret_n, mw_error *err)
{
    mw_rows rows;
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT count(*) FROM evaluation_records WHERE dataset = ?", "i", dataset));
    *ret_n = mw_rows_next(&rows) ? mw_rows_int(&rows, 0) : 0;
    return mw_rows_close(&rows, err);
}

/* Digest, schema and profile, as MLflow's server has them behind this. */
static mw_status describe(put *p, const mw_evaluation *evaluation,
                          const mw_evaluation_wishes *wishes, mw_buf *schema, mw_error *err)
{
    int64_t n;
    char digest[RECORD_EVALUATION_DIGEST_BYTES];
    mw_view profile = evaluation->profile, fields = evaluation->schema;
    MW_TRY(count_records(p->record, p->dataset, &n, err));
    if (n > MW_LIMIT_DATASET_RECORDS)
        return record_refuse(err, "a data set has at most %d records", MW_LIMIT_DATASET_RECORDS);
    if (n > 0)
        profile = record_words(p->record, "{\"num_records\": %lld}", (long long)n);
    if (wishes->count > 0) {
        MW_TRY(evaluation_write_schema(fields, wishes, p->record->arena, schema, err));
        if (schema->failed)
            return record_refuse(err, "the names of the records' fields are too long");
        fields = mw_buf_as_view(schema);
    }
    record_evaluation_digest(evaluation->name, p->now, digest);
    return mw_sql_run(p->record->session, err,
                      "UPDATE evaluation_datasets SET updated = ?, updated_by = ?, digest = ?,"
                      " fields = ?, profile = ? WHERE id = ?",
                      "itttti", p->now, p->who, mw_view_of(digest), fields, profile,
                      evaluation->row);
}

static mw_status put_and_describe(put *p, const mw_evaluation *evaluation,
                                  const mw_evaluation_wishes *wishes, mw_error *err)
{
    mw_buf schema;
    mw_buf_init(&schema, 2 * MW_LIMIT_DATASET_RECORD_BYTES);
    mw_status status = put_all(p, wishes, err);
    if (status == MW_OK)
        status = describe(p, evaluation, wishes, &schema, err);
    mw_buf_done(&schema);
    return status;
}

mw_status mw_record_put_evaluation_records(mw_record *record, mw_view id,
                                           const mw_evaluation_wishes *wishes, int64_t *ret_n_new,
                                           int64_t *ret_n_old, mw_error *err)
{
    mw_evaluation evaluation;
    MW_TRY(mw_record_evaluation(record, id, &evaluation, err));
    put p = {.record = record, .dataset = evaluation.row, .now = mw_clock_wall_ms()};
    for (size_t i = 0; i < MW_COUNT(p.texts); i++)
        mw_buf_init(&p.texts[i], MW_LIMIT_DATASET_RECORD_BYTES);
    mw_buf_init(&p.source, MW_LIMIT_DATASET_RECORD_BYTES);
    mw_status status = put_and_describe(&p, &evaluation, wishes, err);
    for (size_t i = 0; i < MW_COUNT(p.texts); i++)
        mw_buf_done(&p.texts[i]);
    mw_buf_done(&p.source);
    MW_TRY(status);
    *ret_n_new = p.n_new;
    *ret_n_old = p.n_old;
    return record_note_evaluation(
        record, "evaluation.records", &evaluation, RECORD_NOTHING,
        record_words(record, "%lld new, %lld changed", (long long)p.n_new, (long long)p.n_old),
        err);
}

/* ---- reading --------------------------------------------------------------------------------- */

static size_t read_row(const mw_rows *rows, record_memory *memory, mw_evaluation_record *ret_one)
{
    *ret_one = (mw_evaluation_record){
        .row = mw_rows_int(rows, 0),
        .created = mw_rows_int(rows, 1),
        .updated = mw_rows_int(rows, 2),
        .id = record_column(memory, rows, 3),
        .inputs = record_column(memory, rows, 4),
        .outputs = record_column(memory, rows, 5),
        .expectations = record_column(memory, rows, 6),
        .tags = record_column(memory, rows, 7),
        .source = record_column(memory, rows, 8),
        .source_type = record_column(memory, rows, 9),
        .source_id = record_column(memory, rows, 10),
        .created_by = record_column(memory, rows, 11),
        .updated_by = record_column(memory, rows, 12),
    };
    return ret_one->inputs.size + ret_one->outputs.size + ret_one->expectations.size +
           ret_one->tags.size + ret_one->source.size;
}

mw_status mw_record_evaluation_records(mw_record *record, mw_view id, int64_t max_results,
                                       mw_view page_token, mw_evaluation_records *ret_found,
                                       mw_view *ret_token, mw_error *err)
{
    mw_rows rows;
    int64_t behind;
    size_t bytes = 0;
    mw_evaluation evaluation;
    mw_evaluation_records found = {0};
    record_memory memory = {record->arena, false};
    int64_t most = max_results ? max_results : USUAL_RESULTS;
    MW_TRY(record_check_results(most, RECORD_RESULTS_MAX, err));
    MW_TRY(record_read_token(page_token, &behind, err));
    MW_TRY(mw_record_evaluation(record, id, &evaluation, err));
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT id, created, updated, record_id, inputs, outputs, expectations,"
                        " tags, source, source_type, source_id, created_by, updated_by FROM"
                        " evaluation_records WHERE dataset = ? AND id > ? ORDER BY id LIMIT ?",
                        "iii", evaluation.row, behind, most + 1));
    bool is_more = false;
    while (!is_more && mw_rows_next(&rows)) {
        is_more = found.count == (size_t)most || bytes > PAGE_BYTES;
        mw_evaluation_record *one = is_more ? NULL : RECORD_PUSH(&memory, &found);
        if (one)
            bytes += read_row(&rows, &memory, one);
    }
    MW_TRY(record_close(&rows, &memory, err));
    *ret_token =
        is_more ? record_write_token(&memory, found.items[found.count - 1].row) : RECORD_NOTHING;
    *ret_found = found;
    return memory.failed ? mw_fail_memory(err, "the records") : MW_OK;
}

/* ---- deleting -------------------------------------------------------------------------------- */

mw_status mw_record_delete_evaluation_records(mw_record *record, mw_view id,
                                              const mw_texts *record_ids, int64_t *ret_n_gone,
                                              mw_error *err)
{
    int64_t n_gone = 0, n_left;
    mw_evaluation evaluation;
    MW_TRY(mw_record_evaluation(record, id, &evaluation, err));
    for (size_t i = 0; i < record_ids->count; i++) {
        MW_TRY(mw_sql_run(record->session, err,
                          "DELETE FROM evaluation_records WHERE dataset = ? AND record_id = ?",
                          "it", evaluation.row, record_ids->items[i]));
        n_gone += mw_sql_changes(record->session);
    }
    *ret_n_gone = n_gone;
    if (n_gone == 0)
        return MW_OK;
    MW_TRY(count_records(record, evaluation.row, &n_left, err));
    mw_view profile = n_left > 0
                          ? record_words(record, "{\"num_records\": %lld}", (long long)n_left)
                          : MW_VIEW("null"); /* as MLflow's server writes it */
    MW_TRY(mw_sql_run(record->session, err,
                      "UPDATE evaluation_datasets SET profile = ? WHERE id = ?", "ti", profile,
                      evaluation.row));
    return record_note_evaluation(record, "evaluation.records.delete", &evaluation,
                                  record_words(record, "%lld records", (long long)n_gone),
                                  RECORD_NOTHING, err);
}
