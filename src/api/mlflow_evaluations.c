/* MLflow's calls about evaluation data sets (mlflow.genai.datasets). Tags and records come as JSON
 * in a text: they are read here, before a transaction begins. */
#include "mlflow.h"
#include "mlflow_messages.h"

typedef struct evaluation_request {
    mw_search search; /* first: searches are narrowed by what their visitor reaches */
    mw_view dataset_id, name, key, tags, records;
    mw_texts experiment_ids, dataset_record_ids;
    int64_t max_results;
    mw_view page_token;
} evaluation_request;

/* clang-format off */
#define TEXT(name, member, required) MLFLOW_TEXT_FIELD(evaluation_request, name, member, required)
#define TEXTS(name, member) \
    {name, MLFLOW_TEXTS, offsetof(evaluation_request, member), false, NULL, 0, NULL, NULL}
#define INTEGER(name, member, kind) \
    {name, kind, offsetof(evaluation_request, member), false, NULL, 0, NULL, NULL}
#define ID TEXT("dataset_id", dataset_id, true)
static const mlflow_field create_fields[] = {
    TEXT("name", name, true),
    TEXTS("experiment_ids", experiment_ids),
    TEXT("tags", tags, false),
    {0}};
static const mlflow_field id_fields[] = {ID, {0}};
static const mlflow_field search_fields[] = {
    TEXTS("experiment_ids", search.experiments),
    TEXT("filter_string", search.filter, false),
    INTEGER("max_results", search.max_results, MLFLOW_COUNT),
    TEXTS("order_by", search.order_by),
    TEXT("page_token", search.page_token, false),
    {0}};
static const mlflow_field tags_fields[] = {ID, TEXT("tags", tags, true), {0}};
static const mlflow_field key_fields[] = {ID, TEXT("key", key, true), {0}};
static const mlflow_field put_fields[] = {ID, TEXT("records", records, true), {0}};
static const mlflow_field page_fields[] = {
    ID,
    INTEGER("max_results", max_results, MLFLOW_INT),
    TEXT("page_token", page_token, false),
    {0}};
static const mlflow_field delete_fields[] = {
    ID, TEXTS("dataset_record_ids", dataset_record_ids), {0}};
static const mlflow_field join_fields[] = {ID, TEXTS("experiment_ids", experiment_ids), {0}};
/* clang-format on */

/* ---- answers --------------------------------------------------------------------------------- */

static void put_tags(mw_buf *out, const mw_tags *tags)
{
    mw_buf text;
    mw_buf_init(&text, 64 * MW_MIB);
    mw_buf_char(&text, '{');
    for (size_t i = 0; i < tags->count; i++) {
        if (i > 0)
            mw_buf_text(&text, ", ");
        mw_json_write_text(&text, tags->items[i].key);
        mw_buf_text(&text, ": ");
        mw_json_write_text(&text, tags->items[i].value);
    }
    mw_buf_char(&text, '}');
    mlflow_put_text(out, "tags", mw_buf_as_view(&text));
    mw_buf_done(&text);
}

static void put_members(mw_buf *out, const mw_evaluation *evaluation)
{
    mlflow_put_text(out, "dataset_id", evaluation->id);
    mlflow_put_text(out, "name", evaluation->name);
    put_tags(out, &evaluation->tags);
    mlflow_put_text(out, "schema", evaluation->schema);
    mlflow_put_text(out, "profile", evaluation->profile);
    mlflow_put_text(out, "digest", evaluation->digest);
    mlflow_put_int(out, "created_time", evaluation->created);
    mlflow_put_int(out, "last_update_time", evaluation->updated);
    mlflow_put_text(out, "created_by", evaluation->created_by);
    mlflow_put_text(out, "last_updated_by", evaluation->updated_by);
}

static void put_evaluation(mw_buf *out, const void *item)
{
    mw_buf_char(out, '{');
    put_members(out, item);
    mw_buf_char(out, '}');
}

static void put_text_item(mw_buf *out, const void *item)
{
    mw_json_write_text(out, *(const mw_view *)item);
}

static mw_status answer(mlflow_turn *turn, mw_status status, const mw_evaluation *evaluation)
{
    return mlflow_answer_one(turn, status, "dataset", evaluation, put_evaluation);
}

/* ---- tags ------------------------------------------------------------------------------------ */

static mw_status fail_tags(mw_error *err)
{
    mw_fail(err, MW_E_RECORD_VALUE, "Invalid value for parameter 'tags': no JSON object");
    return mw_mend(err, "send an object of texts, as JSON in a text");
}

/* What str() of Python makes of a value that is no text; absent: null. */
static mw_view value_text(mw_arena *arena, const mw_json *value)
{
    mw_buf text;
    if (mw_json_is_null(value))
        return (mw_view){NULL, 0};
    if (mw_json_is_text(value))
        return mw_json_text(value);
    if (mw_json_is_bool(value))
        return mw_json_bool(value, false) ? MW_VIEW("True") : MW_VIEW("False");
    mw_buf_init(&text, MW_MIB);
    mw_json_write_node(&text, value);
    mw_view kept = {mw_arena_text(arena, mw_buf_as_view(&text)), text.size};
    mw_buf_done(&text);
    return kept.data ? kept : MW_VIEW("");
}

static mw_status read_members(const mw_json *root, mw_arena *arena, mw_tags *ret_tags,
                              mw_error *err)
{
    mw_view key;
    void *cursor = NULL;
    const mw_json *value;
    mw_tags tags = {mw_arena_take(arena, (mw_json_count(root) + 1) * sizeof(mw_tag)), 0};
    if (!tags.items)
        return mw_fail_memory(err, "tags");
    while (mw_json_next(root, &cursor, &key, &value)) {
        mw_view text = value_text(arena, value);
        if (text.data)
            tags.items[tags.count++] = (mw_tag){key, text};
    }
    *ret_tags = tags;
    return MW_OK;
}

/* Texts live as long as *ret_root, which the caller frees. */
static mw_status read_tags(mw_view text, mw_arena *arena, mw_json **ret_root, mw_tags *ret_tags,
                           mw_error *err)
{
    mw_error ignored;
    *ret_root = NULL;
    *ret_tags = (mw_tags){0};
    if (text.size == 0)
        return MW_OK;
    if (mw_json_read(text, ret_root, &ignored) != MW_OK)
        return fail_tags(err);
    if (mw_json_is_null(*ret_root))
        return MW_OK;
    if (!mw_json_is_object(*ret_root))
        return fail_tags(err);
    return read_members(*ret_root, arena, ret_tags, err);
}

/* ---- data sets ------------------------------------------------------------------------------- */

static mw_status create(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_tags tags;
    mw_json *root;
    mw_evaluation evaluation;
    const evaluation_request *q = turn->request;
    mw_status status = read_tags(q->tags, turn->exchange->arena, &root, &tags, err);
    if (status == MW_OK)
        status = mw_record_create_evaluation(record, q->name, &tags, &q->experiment_ids,
                                             &evaluation, err);
    if (status == MW_OK) {
        mw_buf_text(turn->out, "{\"dataset\":{");
        put_members(turn->out, &evaluation);
        MLFLOW_PUT_LIST(turn->out, "experiment_ids", &q->experiment_ids, put_text_item);
        mw_buf_text(turn->out, "}}");
    }
    mw_json_free(root);
    return status;
}

static mw_status get(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_evaluation evaluation;
    const evaluation_request *q = turn->request;
    return answer(turn, mw_record_evaluation(record, q->dataset_id, &evaluation, err), &evaluation);
}

static mw_status delete_it(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const evaluation_request *q = turn->request;
    return mlflow_answer_nothing(turn, mw_record_delete_evaluation(record, q->dataset_id, err));
}

static mw_status search(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    enum { USUAL_RESULTS = 1000 };
    mw_evaluations found;
    mw_view token;
    evaluation_request *q = turn->request;
    if (q->search.max_results == 0)
        q->search.max_results = USUAL_RESULTS;
    MW_TRY(mw_record_search_evaluations(record, &q->search, &found, &token, err));
    MLFLOW_ANSWER_PAGE(turn, "datasets", &found, put_evaluation, token);
    return MW_OK;
}

static mw_status set_tags(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_tags tags;
    mw_json *root;
    const evaluation_request *q = turn->request;
    mw_status status = read_tags(q->tags, turn->exchange->arena, &root, &tags, err);
    if (status == MW_OK)
        status = mw_record_tag_evaluation(record, q->dataset_id, &tags, err);
    mw_json_free(root);
    return mlflow_answer_nothing(turn, status);
}

static mw_status delete_tag(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    const evaluation_request *q = turn->request;
    return mlflow_answer_nothing(turn,
                                 mw_record_untag_evaluation(record, q->dataset_id, q->key, err));
}

static mw_status get_experiments(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_texts found;
    const evaluation_request *q = turn->request;
    MW_TRY(mw_record_evaluation_experiments(record, q->dataset_id, &found, err));
    MLFLOW_ANSWER_LIST(turn, "experiment_ids", &found, put_text_item);
    return MW_OK;
}

static mw_status join_or_leave(mlflow_turn *turn, mw_record *record, bool leave, mw_error *err)
{
    mw_evaluation evaluation;
    const evaluation_request *q = turn->request;
    return answer(turn,
                  mw_record_join_evaluation(record, q->dataset_id, &q->experiment_ids, leave,
                                            &evaluation, err),
                  &evaluation);
}

static mw_status join(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    return join_or_leave(turn, record, false, err);
}

static mw_status leave(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    return join_or_leave(turn, record, true, err);
}

/* ---- records --------------------------------------------------------------------------------- */

typedef struct putting {
    mw_view id;
    mw_evaluation_wishes wishes;
    int64_t n_new, n_old;
} putting;

static mw_status put_wishes(mw_record *record, void *given, mw_error *err)
{
    putting *p = given;
    return mw_record_put_evaluation_records(record, p->id, &p->wishes, &p->n_new, &p->n_old, err);
}

static mw_status put_records_of(mlflow_turn *turn, const mw_json *root, mw_error *err)
{
    const evaluation_request *q = turn->request;
    putting p = {.id = q->dataset_id};
    MW_TRY(mw_evaluation_wishes_read(root, turn->exchange->arena, &p.wishes, err));
    MW_TRY(mw_registry_write_as(turn->registry, &turn->actor, turn->exchange->arena, put_wishes, &p,
                                err));
    mw_buf_char(turn->out, '{');
    mlflow_put_int(turn->out, "inserted_count", p.n_new);
    mlflow_put_int(turn->out, "updated_count", p.n_old);
    mw_buf_char(turn->out, '}');
    return MW_OK;
}

static mw_status put_records(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    (void)record;
    mw_error why;
    mw_json *root = NULL;
    const evaluation_request *q = turn->request;
    if (mw_json_read(q->records, &root, &why) != MW_OK) {
        mw_fail(err, MW_E_RECORD_VALUE, "Invalid value for parameter 'records': %s", why.what);
        mw_why(err, "%s", why.why);
        return mw_mend(err, "send a list of records as JSON in a text; NaN is no JSON");
    }
    mw_status status = put_records_of(turn, root, err);
    mw_json_free(root);
    return status;
}

/* A member whose value is JSON already. */
static void put_json(mw_buf *out, const char *name, mw_view json)
{
    if (!json.data)
        return;
    mlflow_put_name(out, name);
    mw_buf_view(out, json);
}

static void put_record(mw_buf *out, const mw_evaluation_record *one, mw_view dataset_id)
{
    mlflow_put_comma(out);
    mw_buf_char(out, '{');
    mlflow_put_text(out, "dataset_record_id", one->id);
    mlflow_put_text(out, "dataset_id", dataset_id);
    put_json(out, "inputs", one->inputs);
    put_json(out, "expectations", one->expectations);
    put_json(out, "tags", one->tags);
    put_json(out, "source", one->source);
    mlflow_put_text(out, "source_id", one->source_id);
    mlflow_put_text(out, "source_type", one->source_type);
    mlflow_put_int(out, "created_time", one->created);
    mlflow_put_int(out, "last_update_time", one->updated);
    mlflow_put_text(out, "created_by", one->created_by);
    mlflow_put_text(out, "last_updated_by", one->updated_by);
    put_json(out, "outputs", one->outputs);
    mw_buf_char(out, '}');
}

static mw_status get_records(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    mw_buf text;
    mw_view token;
    mw_evaluation_records found;
    const evaluation_request *q = turn->request;
    MW_TRY(mw_record_evaluation_records(record, q->dataset_id, q->max_results, q->page_token,
                                        &found, &token, err));
    mw_buf_init(&text, MW_LIMIT_REPLY_BYTES);
    mw_buf_char(&text, '[');
    for (size_t i = 0; i < found.count; i++)
        put_record(&text, &found.items[i], q->dataset_id);
    mw_buf_char(&text, ']');
    mw_buf_char(turn->out, '{');
    mlflow_put_text(turn->out, "records", mw_buf_as_view(&text));
    mlflow_put_text(turn->out, "next_page_token", token);
    mw_buf_char(turn->out, '}');
    bool failed = text.failed;
    mw_buf_done(&text);
    return failed ? mw_fail_memory(err, "the records") : MW_OK;
}

static mw_status delete_records(mlflow_turn *turn, mw_record *record, mw_error *err)
{
    int64_t n_gone;
    const evaluation_request *q = turn->request;
    MW_TRY(mw_record_delete_evaluation_records(record, q->dataset_id, &q->dataset_record_ids,
                                               &n_gone, err));
    mw_buf_char(turn->out, '{');
    mlflow_put_int(turn->out, "deleted_count", n_gone);
    mw_buf_char(turn->out, '}');
    return MW_OK;
}

/* ---- the table ------------------------------------------------------------------------------- */

#define DELETES (1u << MW_DELETE)
#define PATCHES (1u << MW_PATCH)
#define DATASET "/mlflow/datasets/{dataset_id}"
#define OF(methods, path, access, handler, fields, summary)                         \
    {                                                                               \
        methods, path, access, handler, fields, sizeof(evaluation_request), summary \
    }

/* clang-format off */
const mlflow_call mlflow_evaluation_calls[] = {
    OF(MLFLOW_POSTS, "/mlflow/datasets/create", MLFLOW_WRITES, create, create_fields,
       "Make an evaluation data set"),
    OF(MLFLOW_GETS | MLFLOW_POSTS, "/mlflow/datasets/search", MLFLOW_READS, search, search_fields,
       "Search evaluation data sets"),
    OF(MLFLOW_GETS, DATASET, MLFLOW_READS, get, id_fields, "An evaluation data set"),
    OF(DELETES, DATASET, MLFLOW_WRITES, delete_it, id_fields,
       "Delete an evaluation data set with its records"),
    OF(PATCHES, DATASET "/tags", MLFLOW_WRITES, set_tags, tags_fields,
       "Tag an evaluation data set"),
    OF(DELETES, DATASET "/tags/{key}", MLFLOW_WRITES, delete_tag, key_fields,
       "Take a tag off an evaluation data set"),
    OF(MLFLOW_POSTS, DATASET "/records", MLFLOW_OUTSIDE, put_records, put_fields,
       "Put records into an evaluation data set, or merge them with those of the same inputs"),
    OF(MLFLOW_GETS, DATASET "/records", MLFLOW_READS, get_records, page_fields,
       "Records of an evaluation data set"),
    OF(DELETES, DATASET "/records", MLFLOW_WRITES, delete_records, delete_fields,
       "Delete records of an evaluation data set"),
    OF(MLFLOW_GETS, DATASET "/experiment-ids", MLFLOW_READS, get_experiments, id_fields,
       "The experiments that an evaluation data set belongs to"),
    OF(MLFLOW_POSTS, DATASET "/add-experiments", MLFLOW_WRITES, join, join_fields,
       "Let an evaluation data set belong to experiments"),
    OF(MLFLOW_POSTS, DATASET "/remove-experiments", MLFLOW_WRITES, leave, join_fields,
       "Let an evaluation data set belong to experiments no more"),
};
/* clang-format on */
const size_t mlflow_n_evaluation_calls = MW_COUNT(mlflow_evaluation_calls);
