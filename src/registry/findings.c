/* What a new version would break: its signature, and what it declares of its columns, against
 * those of the versions that have an alias, told in a tag, which clients of MLflow see. Nothing is
 * refused here: a version without an alias harms nobody, and whoever moves an alias is told again
 * by the server that follows it. */
#include "findings.h"
#include "table/table.h"

enum { ALIASES_MAX = 50, FINDING_BYTES = 32 << 10 };

static const char finding_tag[] = "millwright.contract";

/* ---- libraries ------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int major, minor; /* from this version on */
    const char *what;
} library_changes[] = {
    {"xgboost", 2, 0,
     "trees are made by hist and the base score is estimated unless told otherwise: the same "
     "parameters train another model"},
    {"xgboost", 3, 1, "categories are kept in the model and found by their text"},
    {"numpy", 2, 0,
     "small numbers are promoted by other rules (NEP 50): features may round "
     "otherwise"},
    {"pandas", 3, 0, "text columns have a type of their own, and copies are made on write"},
};

/* "3.2.0", ">=3": the first two numbers; false without any. */
static bool read_version(mw_view text, int *ret_major, int *ret_minor)
{
    int numbers[2] = {0, 0}, n = 0;
    size_t i = 0;
    while (i < text.size && !(text.data[i] >= '0' && text.data[i] <= '9'))
        i++;
    for (; i < text.size && n < 2; n++) {
        int digits = 0;
        for (; i < text.size && text.data[i] >= '0' && text.data[i] <= '9' && digits < 6; digits++)
            numbers[n] = 10 * numbers[n] + (text.data[i++] - '0');
        if (i >= text.size || text.data[i] != '.') {
            n++;
            break;
        }
        i++;
    }
    *ret_major = numbers[0];
    *ret_minor = numbers[1];
    return n > 0;
}

static bool is_before(mw_view version, int major, int minor, bool *ret_known)
{
    int have_major, have_minor;
    *ret_known = read_version(version, &have_major, &have_minor);
    return have_major < major || (have_major == major && have_minor < minor);
}

const char *mw_library_change(mw_view name, mw_view before, mw_view after)
{
    for (size_t i = 0; i < MW_COUNT(library_changes); i++) {
        bool known[2];
        if (!mw_view_is(name, library_changes[i].name))
            continue;
        int major = library_changes[i].major, minor = library_changes[i].minor;
        bool was = is_before(before, major, minor, &known[0]);
        bool is = is_before(after, major, minor, &known[1]);
        if (known[0] && known[1] && was != is)
            return library_changes[i].what;
    }
    return NULL;
}

/* ---- contracts of signatures ----------------------------------------------------------------- */

/* MLflow's words are those of the columns here. */
static mw_view type_word(mw_view type)
{
    static const char *const words[][2] = {
        {"double", "float64"}, {"float", "float32"},   {"long", "int64"},   {"integer", "int32"},
        {"boolean", "bool"},   {"string", "category"}, {"str", "category"}, {"object", "category"},
    };
    for (size_t i = 0; i < MW_COUNT(words); i++)
        if (mw_view_is(type, words[i][0]))
            return mw_view_of(words[i][1]);
    return type;
}

/* "tensor(float32)[-1,4]"; false for what is no tensor. The sizes stand in the arena. */
static bool read_tensor(mw_view type, mw_arena *arena, mw_contract_tensor *tensor)
{
    enum { RANK_MAX = 32 };
    int64_t *dims = NULL;
    if (!mw_view_starts(type, "tensor("))
        return false;
    mw_view rest = {type.data + 7, type.size - 7};
    tensor->type = type_word(mw_view_cut(&rest, ')'));
    if (rest.size < 2 || rest.data[0] != '[')
        return true;
    rest = (mw_view){rest.data + 1, rest.size - 2};
    dims = mw_arena_take_zeroed(arena, RANK_MAX, sizeof *dims);
    while (dims && rest.size > 0 && tensor->rank < RANK_MAX) {
        mw_view one = mw_view_cut(&rest, ',');
        uint64_t size;
        dims[tensor->rank++] = mw_whole_parse(one, &size) && size <= INT64_MAX ? (int64_t)size : -1;
    }
    tensor->dims = dims;
    return true;
}

/* What a signature of tensors tells beside its columns. */
static mw_status add_tensors(const mw_passport *p, mw_arena *arena, mw_contract *contract,
                             mw_error *err)
{
    mw_contract_tensor *inputs = mw_arena_take_zeroed(arena, p->columns.count + 1, sizeof *inputs),
                       *answers =
                           mw_arena_take_zeroed(arena, p->columns.count + 1, sizeof *answers);
    if (!inputs || !answers)
        return mw_fail_memory(err, "a contract");
    for (size_t i = 0; i < p->columns.count; i++) {
        const mw_passport_column *from = &p->columns.items[i];
        mw_contract_tensor tensor = {.name = from->name};
        if (!read_tensor(from->type, arena, &tensor))
            continue;
        if (from->is_output)
            answers[contract->n_answers++] = tensor;
        else
            inputs[contract->n_inputs++] = tensor;
    }
    contract->inputs = inputs;
    contract->answers = answers;
    contract->only_inputs = contract->n_inputs > 0;
    return MW_OK;
}

/* What requests must look like; of answers how many values, where they are columns. */
static mw_status contract_of(const mw_passport *p, mw_arena *arena, mw_contract *ret_contract,
                             mw_error *err)
{
    mw_contract_column *columns = mw_arena_take_zeroed(arena, p->columns.count, sizeof *columns);
    mw_contract c = {.columns = columns, .named = true};
    if (!columns)
        return mw_fail_memory(err, "a contract");
    for (size_t i = 0; i < p->columns.count; i++) {
        const mw_passport_column *from = &p->columns.items[i];
        if (from->is_output) {
            c.n_outputs += from->name.size > 0 && !mw_view_starts(from->type, "tensor(");
            continue;
        }
        mw_contract_tensor tensor = {.name = from->name};
        bool is_tensor = read_tensor(from->type, arena, &tensor);
        columns[c.n_columns++] = (mw_contract_column){
            .name = from->name,
            .type = is_tensor ? tensor.type : type_word(from->type),
            .optional = !from->required,
            .was = from->was,
            .n_was = from->n_was,
        };
        c.named = c.named && from->name.size > 0;
    }
    *ret_contract = c;
    return add_tensors(p, arena, ret_contract, err);
}

typedef struct finding {
    mw_buf *text;
    mw_view alias;
    int64_t version;
    bool any;
} finding;

static void see(void *user, const mw_contract_change *change)
{
    finding *f = user;
    if (!change->breaks)
        return;
    if (f->any)
        mw_buf_text(f->text, "; ");
    else
        mw_buf_format(f->text,
                      "%sbreaks clients of @%.*s (version %lld): ", f->text->size ? "\n" : "",
                      MW_VIEW_ARG(f->alias), (long long)f->version);
    mw_buf_text(f->text, change->what);
    f->any = true;
}

static void see_libraries(const mw_passport *before, const mw_passport *after, finding *f)
{
    for (size_t i = 0; i < before->libraries.count; i++)
        for (size_t k = 0; k < after->libraries.count; k++) {
            const mw_library *old = &before->libraries.items[i], *new = &after->libraries.items[k];
            const char *what = mw_view_equal(old->name, new->name)
                                   ? mw_library_change(old->name, old->version, new->version)
                                   : NULL;
            if (what)
                mw_buf_format(f->text, "%snote: %.*s was %.*s for @%.*s and is %.*s: %s",
                              f->text->size ? "\n" : "", MW_VIEW_ARG(old->name),
                              MW_VIEW_ARG(old->version), MW_VIEW_ARG(f->alias),
                              MW_VIEW_ARG(new->version), what);
        }
}

static mw_status compare_with(mw_record *record, const mw_model_version *version,
                              const mw_passport *mine, const mw_alias *alias, mw_buf *text,
                              mw_error *err)
{
    mw_contract before, after;
    mw_passport theirs;
    mw_model_version other = *version;
    finding f = {text, alias->alias, alias->version, false};
    other.version = alias->version;
    if (alias->version == version->version)
        return MW_OK;
    MW_TRY(mw_record_passport(record, &other, &theirs, err));
    see_libraries(&theirs, mine, &f);
    if (theirs.columns.count == 0 || mine->columns.count == 0)
        return MW_OK; /* a signature that is not told promises nothing */
    MW_TRY(contract_of(&theirs, record->arena, &before, err));
    MW_TRY(contract_of(mine, record->arena, &after, err));
    return mw_contract_compare(&before, &after, see, &f, err);
}

/* ---- at the registration --------------------------------------------------------------------- */

static mw_status read_aliases(mw_record *record, int64_t model, mw_alias *aliases,
                              size_t *ret_count, mw_error *err)
{
    mw_rows rows;
    size_t n = 0;
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT alias, version FROM model_aliases WHERE model = ? ORDER BY alias",
                        "i", model));
    while (n < ALIASES_MAX && mw_rows_next(&rows)) {
        aliases[n].alias = record_column(&memory, &rows, 0);
        aliases[n++].version = mw_rows_int(&rows, 1);
    }
    *ret_count = n;
    return record_close(&rows, &memory, err);
}

mw_status record_note_findings(mw_record *record, const mw_model_version *version, bool *ret_noted,
                               mw_error *err)
{
    mw_alias aliases[ALIASES_MAX];
    mw_passport mine;
    mw_buf text;
    size_t n;
    *ret_noted = false;
    MW_TRY(read_aliases(record, version->model, aliases, &n, err));
    if (n == 0)
        return MW_OK;
    MW_TRY(mw_record_passport(record, version, &mine, err));
    mw_buf_init(&text, FINDING_BYTES); /* what goes beyond is not told */
    mw_status status = MW_OK;
    for (size_t i = 0; i < n && status == MW_OK; i++)
        status = compare_with(record, version, &mine, &aliases[i], &text, err);
    if (status == MW_OK && text.size > 0) {
        *ret_noted = true;
        status = mw_sql_run(record->session, err,
                            "INSERT INTO model_version_tags(model, version, key, value)"
                            " VALUES(?, ?, ?, ?) ON CONFLICT(model, version, key) DO UPDATE"
                            " SET value = excluded.value",
                            "iitt", version->model, version->version, mw_view_of(finding_tag),
                            mw_buf_as_view(&text));
    }
    mw_buf_done(&text);
    return status;
}

mw_view mw_version_finding(const mw_model_version *version)
{
    return mw_tags_get(&version->tags, finding_tag);
}

/* ---- what was served ------------------------------------------------------------------------- */

typedef struct serving {
    mw_view endpoint, address, digest;
    bool accepted;
} serving;

static mw_status read_accepted(mw_record *record, void *given, mw_error *err)
{
    serving *s = given;
    mw_model_version version;
    MW_TRY(mw_record_version_at(record, s->address, &version, err));
    mw_view accepted = mw_tags_get(&version.tags, "millwright.contract.accepted");
    s->accepted = mw_view_is_nocase(accepted, "true");
    return MW_OK;
}

bool mw_registry_accepts_breaks(mw_registry *registry, mw_view address, mw_arena *arena)
{
    mw_error none;
    serving s = {.address = address};
    return mw_view_starts(address, "models:/") &&
           mw_registry_read(registry, arena, read_accepted, &s, &none) == MW_OK && s.accepted;
}

static mw_status read_served(mw_record *record, void *given, mw_error *err)
{
    serving *s = given;
    mw_rows rows;
    record_memory memory = {record->arena, false};
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT folder FROM served_addresses WHERE endpoint = ?1 AND"
                        " (?2 IS NULL OR address = ?2) ORDER BY since DESC LIMIT 1",
                        "tt", s->endpoint, s->address));
    if (mw_rows_next(&rows))
        s->digest = record_column(&memory, &rows, 0);
    return record_close(&rows, &memory, err);
}

mw_status mw_registry_served(mw_registry *registry, mw_view endpoint, mw_view address,
                             mw_arena *arena, const char **ret_folder, mw_error *err)
{
    serving s = {endpoint, address, {NULL, 0}, false};
    mw_buf path;
    *ret_folder = NULL;
    MW_TRY(mw_registry_read(registry, arena, read_served, &s, err));
    if (!s.digest.data)
        return MW_OK;
    mw_buf_init(&path, 2 * 4096);
    mw_buf_format(&path, "%s/served/%.*s", registry->folder, MW_VIEW_ARG(s.digest));
    *ret_folder = mw_arena_text(arena, mw_buf_as_view(&path));
    mw_buf_done(&path);
    return *ret_folder ? MW_OK : mw_fail_memory(err, "a path");
}

static mw_status write_served(mw_record *record, void *given, mw_error *err)
{
    const serving *s = given;
    return mw_sql_run(
        record->session, err,
        "INSERT INTO served_addresses(endpoint, address, folder, since)"
        " VALUES(?, ?, ?, ?) ON CONFLICT(endpoint, address) DO UPDATE SET folder = excluded.folder,"
        " since = excluded.since",
        "ttti", s->endpoint, s->address, s->digest, mw_clock_wall_ms());
}

mw_status mw_registry_note_served(mw_registry *registry, mw_view endpoint, mw_view address,
                                  const char *folder, mw_arena *arena, mw_error *err)
{
    const char *slash = strrchr(folder, '/');
    serving s = {endpoint, address, mw_view_of(slash ? slash + 1 : folder), false};
    return mw_registry_write(registry, arena, write_served, &s, err);
}
