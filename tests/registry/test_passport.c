/* What versions are made of: the files' words, what is kept at the registration, the graph. */
#include "record_folder.h"

#include <math.h>

#include "registry/passport.h"

/* ---- files ----------------------------------------------------------------------------------- */

static record_memory memory;

static void test_requirements(void **state)
{
    (void)state;
    static const struct {
        const char *line, *name, *version; /* name NULL: no library */
    } cases[] = {
        {"xgboost==3.2.0", "xgboost", "3.2.0"},
        {"  Scikit_Learn == 1.8.0  ", "scikit-learn", "1.8.0"},
        {"pandas[all]>=2,<3", "pandas", ">=2,<3"},
        {"numpy ; python_version > '3.8'", "numpy", ""},
        {"lightgbm~=4.6 # why", "lightgbm", "~=4.6"},
        {"mlflow", "mlflow", ""},
        {"a===1", "a", "===1"},
        {"tool @ git+https://example.org/tool", "tool", "@ git+https://example.org/tool"},
        {"# comment", NULL, NULL},
        {"-r other.txt", NULL, NULL},
        {"--hash=sha256:00", NULL, NULL},
        {"./local", "./local", NULL},
        {"", NULL, NULL},
    };
    memory = (record_memory){&arena, false};
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_passport p = {0};
        passport_read_requirements(mw_view_of(cases[i].line), &memory, &p);
        bool expected = cases[i].name && cases[i].version;
        if (p.libraries.count != (expected ? 1 : 0))
            fail_msg("'%s': %zu libraries", cases[i].line, p.libraries.count);
        if (!expected)
            continue;
        assert_true(mw_view_is(p.libraries.items[0].name, cases[i].name));
        assert_true(mw_view_is(p.libraries.items[0].version, cases[i].version));
    }
}

static void test_mlmodel(void **state)
{
    (void)state;
    static const char text[] =
        "flavors:\n  python_function: {python_version: 3.11.2}\n  xgboost: {data: model.ubj}\n"
        "mlflow_version: 3.17.2\nsignature:\n"
        "  inputs: '[{\"type\": \"double\", \"name\": \"age\", \"required\": true},"
        " {\"type\": \"string\", \"name\": \"sex\", \"required\": false}]'\n"
        "  outputs: '[{\"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"float32\","
        " \"shape\": [-1, 3]}}]'\n";
    static const char example[] =
        "{\"columns\": [\"age\", \"sex\", \"more\"], \"data\": [[20, \"m\", 1], [null, \"f\", 2],"
        " [-3.5, null, 3], [7, \"m\", 4]]}";
    mw_error err;
    mw_view file;
    mw_passport p = {0};
    memory = (record_memory){&arena, false};
    assert_int_equal(passport_read_mlmodel(MW_VIEW(text), &memory, &p, &file, &err), MW_OK);
    assert_int_equal(passport_read_example(MW_VIEW(example), &p, &err), MW_OK);
    assert_true(mw_view_is(p.flavors, "python_function, xgboost"));
    assert_true(mw_view_is(file, "model.ubj"));
    assert_true(mw_view_is(p.python, "3.11.2"));
    assert_int_equal(p.columns.count, 3);
    const mw_passport_column *c = p.columns.items;
    assert_true(c[0].required && !c[1].required && c[2].is_output);
    assert_true(mw_view_is(c[2].type, "tensor(float32)[-1,3]"));
    assert_true(c[0].low == -3.5 && c[0].high == 20 && c[0].missing == 0.25);
    assert_true(isnan(c[1].low) && c[1].missing == 0.25);
    assert_true(isnan(c[2].missing));
    assert_int_equal(p.n_examples, 4);
}

/* What is declared: in MLmodel, and beside the model's file, which is laid over it. */
static void test_declared(void **state)
{
    (void)state;
    static const char text[] =
        "flavors: {lightgbm: {data: m.txt}}\nsignature: {inputs: '[{\"name\": \"age\", \"type\":"
        " \"double\"}, {\"name\": \"income\", \"type\": \"double\"}]'}\n"
        "metadata: {millwright: {columns: {income: {was: [salary, wage]}, age: {optional: true}}}}";
    static const struct {
        const char *text, *where, *what;
    } cases[] = {
        {"columns: {debt: {was: loan}}", "1:17", "the signature has no column of that name"},
        {"columns: {age: {defualt: 1}}", "1:26", "nothing that is declared of a column"},
        {"[", "contract", ""},
    };
    mw_error err = {0};
    mw_view file;
    mw_passport p = {0};
    memory = (record_memory){&arena, false};
    assert_int_equal(passport_read_mlmodel(MW_VIEW(text), &memory, &p, &file, &err), MW_OK);
    const mw_passport_column *age = &p.columns.items[0], *income = &p.columns.items[1];
    assert_true(mw_view_is(file, "m.txt") && !age->required && income->required);
    assert_int_equal(income->n_was, 2);
    assert_true(mw_view_is(income->was[0], "salary") && mw_view_is(income->was[1], "wage"));
    assert_int_equal(passport_read_contract(MW_VIEW("columns: {income: {was: pay, default: 1}}"),
                                            &memory, &p, &err),
                     MW_OK);
    assert_true(income->n_was == 1 && mw_view_is(income->was[0], "pay") && !income->required);
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_view bad = mw_view_of(cases[i].text);
        assert_int_equal(passport_read_contract(bad, &memory, &p, &err), MW_BAD_DATA);
        if (!mw_view_starts(mw_view_of(err.where), cases[i].where) ||
            !strstr(err.what, cases[i].what))
            fail_msg("'%s': at '%s': %s", cases[i].text, err.where, err.what);
    }
}

static void test_files_that_are_none(void **state)
{
    (void)state;
    static const struct {
        const char *text, *where;
    } cases[] = {
        {"signature: {inputs: '{'}", "signature.inputs"},
        {"signature: {inputs: '{}'}", "signature.inputs"},
        {"signature: {outputs: '[{\"name\": \"a\"}]'}", "signature.outputs"},
        {"signature: {inputs: '[1]'}", "signature.inputs"},
        {"a: [", "MLmodel:"},
        {"- a", ""},
    };
    memory = (record_memory){&arena, false};
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_error err = {0};
        mw_view file;
        mw_passport p = {0};
        mw_view text = mw_view_of(cases[i].text);
        if (passport_read_mlmodel(text, &memory, &p, &file, &err) != MW_BAD_DATA)
            fail_msg("'%s' was read", cases[i].text);
        if (!mw_view_starts(mw_view_of(err.where), cases[i].where))
            fail_msg("'%s': at '%s'", cases[i].text, err.where);
    }
}

/* ---- versions -------------------------------------------------------------------------------- */

typedef struct blobs {
    char mlmodel[MW_DIGEST_TEXT_BYTES], broken[MW_DIGEST_TEXT_BYTES], patch[MW_DIGEST_TEXT_BYTES];
} blobs;

static const char mlmodel[] = "flavors: {xgboost: {data: m.ubj}}\n"
                              "signature: {inputs: '[{\"type\": \"double\", \"name\": \"a\"}]'}\n";

static mw_status put_file(mw_record *record, mw_view root, const char *name, const char *digest,
                          size_t bytes, mw_error *err)
{
    char path[512];
    int size = snprintf(path, sizeof path, "%.*s/%s", MW_VIEW_ARG(root), name);
    return mw_record_put_artifact(record, (mw_view){path, (size_t)size}, mw_view_of(digest),
                                  (int64_t)bytes, err);
}

static mw_status start_run(mw_record *record, const mw_tag *tags, size_t n_tags, mw_run *ret_run,
                           mw_error *err)
{
    mw_new_run wanted = {
        .experiment = MW_VIEW("0"), .user = MW_VIEW("eve"), .tags = {(mw_tag *)tags, n_tags}};
    return mw_record_create_run(record, &wanted, ret_run, err);
}

static mw_status add_version(mw_record *record, const mw_run *run, mw_model_version *ret_version,
                             mw_error *err)
{
    char source[512];
    int size = snprintf(source, sizeof source, "%.*s/model", MW_VIEW_ARG(run->info.artifact_uri));
    mw_new_version wanted = {
        .name = MW_VIEW("m"), .source = {source, (size_t)size}, .run_id = run->info.run_id};
    return mw_record_create_version(record, &wanted, ret_version, err);
}

static mw_status log_two(mw_record *record, void *given, mw_error *err)
{
    const blobs *b = given;
    const mw_tag tags[] = {{MW_VIEW("mlflow.source.git.commit"), MW_VIEW("abc")},
                           {MW_VIEW("mlflow.source.name"), MW_VIEW("t.py")}};
    mw_dataset data = {.name = MW_VIEW("d"), .digest = MW_VIEW("1"), .source = MW_VIEW("{}")};
    mw_registered_model model;
    mw_model_version version;
    mw_run runs[3];
    MW_TRY(mw_record_create_model(record, MW_VIEW("m"), (mw_view){NULL, 0}, &(mw_tags){NULL, 0},
                                  &model, err));
    for (int i = 0; i < 3; i++) {
        MW_TRY(start_run(record, tags, i < 2 ? 2 : 0, &runs[i], err));
        mw_view root = mw_artifact_root(runs[i].info.artifact_uri);
        if (i < 2)
            MW_TRY(put_file(record, root, "model/MLmodel", b->mlmodel, sizeof mlmodel - 1, err));
        else
            MW_TRY(put_file(record, root, "model/MLmodel", b->broken, 1, err));
        if (i == 1)
            MW_TRY(put_file(record, root, "work.patch", b->patch, 4, err));
        if (i < 2)
            MW_TRY(mw_record_log_inputs(record, runs[i].info.run_id, &(mw_datasets){&data, 1},
                                        &(mw_run_models){NULL, 0}, err));
        MW_TRY(add_version(record, &runs[i], &version, err));
    }
    /* what comes later is not what it was made of */
    MW_TRY(mw_record_set_tag(record, runs[0].info.run_id,
                             &(mw_tag){MW_VIEW("mlflow.source.git.commit"), MW_VIEW("other")},
                             err));
    return mw_record_set_alias(record, MW_VIEW("m"), MW_VIEW("best"), MW_VIEW("2"), err);
}

static mw_status look(mw_record *record, void *given, mw_error *err)
{
    mw_lineage l;
    const blobs *b = given;
    MW_TRY(mw_record_lineage(record, MW_VIEW("m/1"), &l, err));
    assert_true(l.passport.is_recorded && l.has_run);
    assert_true(mw_view_is(l.passport.commit, "abc") && mw_view_is(l.passport.user, "eve"));
    assert_int_equal(l.passport.dirty, -1);
    assert_int_equal(l.passport.columns.count, 1);
    assert_int_equal(l.relatives.count, 3); /* version 2: files, code, data */
    for (size_t i = 0; i < l.relatives.count; i++)
        assert_int_equal(l.relatives.items[i].version, 2);
    MW_TRY(mw_record_lineage(record, MW_VIEW("models:/m@best"), &l, err));
    assert_int_equal(l.passport.dirty, 1);
    assert_true(mw_view_is(l.passport.patch, b->patch));
    MW_TRY(mw_record_lineage(record, MW_VIEW("m/latest"), &l, err));
    assert_int_equal(l.version.version, 3);
    assert_true(mw_view_starts(l.passport.fault, "MLmodel: "));
    assert_int_equal(l.relatives.count, 0);
    assert_int_equal(mw_record_lineage(record, MW_VIEW("m/4"), &l, err), MW_NOT_FOUND);
    assert_int_equal(mw_record_lineage(record, MW_VIEW("m"), &l, err), MW_BAD_ARGUMENT);
    assert_int_equal(mw_record_lineage(record, MW_VIEW("/1"), &l, err), MW_BAD_ARGUMENT);
    return MW_OK;
}

static mw_status forget(mw_record *record, void *given, mw_error *err)
{
    mw_rows rows;
    (void)given;
    MW_TRY(mw_record_delete_model(record, MW_VIEW("m"), err));
    MW_TRY(mw_rows_open(record->session, &rows, err,
                        "SELECT (SELECT count(*) FROM version_passports) + (SELECT count(*) FROM"
                        " version_columns) + (SELECT count(*) FROM version_data)",
                        ""));
    assert_true(mw_rows_next(&rows));
    assert_int_equal(mw_rows_int(&rows, 0), 0);
    return mw_rows_close(&rows, err);
}

static mw_status drop_passports(mw_record *record, void *given, mw_error *err)
{
    (void)given;
    return mw_sql_run(record->session, err, "DELETE FROM version_passports", "");
}

static mw_status look_at_old(mw_record *record, void *given, mw_error *err)
{
    mw_lineage l;
    (void)given;
    MW_TRY(mw_record_lineage(record, MW_VIEW("m/1"), &l, err));
    assert_true(!l.passport.is_recorded && l.passport.digest.data);
    assert_true(mw_view_is(l.passport.commit, "other")); /* as it is now */
    return MW_OK;
}

static void test_versions(void **state)
{
    (void)state;
    mw_error err;
    blobs b;
    mw_blobs *store = mw_registry_blobs(registry);
    assert_int_equal(mw_blobs_put(store, MW_VIEW(mlmodel), b.mlmodel, &err), MW_OK);
    assert_int_equal(mw_blobs_put(store, MW_VIEW("["), b.broken, &err), MW_OK);
    assert_int_equal(mw_blobs_put(store, MW_VIEW("diff"), b.patch, &err), MW_OK);
    change(log_two, &b);
    change(look, &b);
    change(drop_passports, NULL);
    change(look_at_old, NULL);
    change(forget, NULL);
}

/* ---- findings -------------------------------------------------------------------------------- */

static void test_libraries(void **state)
{
    (void)state;
    static const struct {
        const char *name, *before, *after;
        bool told;
    } cases[] = {{"xgboost", "1.7.6", "2.0.0", true},   {"xgboost", "2.0.3", "1.7.6", true},
                 {"xgboost", "2.0.0", "2.1.4", false},  {"xgboost", "3.0.5", "3.1.0", true},
                 {"xgboost", ">=1,<2", "==2.1", true},  {"xgboost", "", "2.1", false},
                 {"numpy", "1.26.4", "2.1.0", true},    {"numpy", "2", "2.5", false},
                 {"pandas", "2.3.3", "3.0.0", true},    {"nothing", "1", "2", false},
                 {"numpy", "99999999999.1", "2", false}};
    for (size_t i = 0; i < MW_COUNT(cases); i++)
        if ((mw_library_change(mw_view_of(cases[i].name), mw_view_of(cases[i].before),
                               mw_view_of(cases[i].after)) != NULL) != cases[i].told)
            fail_msg("%s %s -> %s", cases[i].name, cases[i].before, cases[i].after);
}

static mw_status find_breaks(mw_record *record, void *given, mw_error *err)
{
    const blobs *b = given;
    mw_registered_model model;
    mw_model_version version;
    mw_run run;
    MW_TRY(mw_record_create_model(record, MW_VIEW("m"), (mw_view){NULL, 0}, &(mw_tags){NULL, 0},
                                  &model, err));
    for (int i = 0; i < 3; i++) {
        MW_TRY(start_run(record, NULL, 0, &run, err));
        mw_view root = mw_artifact_root(run.info.artifact_uri);
        if (i < 2)
            MW_TRY(put_file(record, root, "model/MLmodel", b->mlmodel, sizeof mlmodel - 1, err));
        else
            MW_TRY(put_file(record, root, "model/MLmodel", b->broken,
                            strlen("signature: "
                                   "{inputs: '[{\"type\": \"long\", \"name\": \"a\"}]'}"),
                            err));
        MW_TRY(add_version(record, &run, &version, err));
        assert_int_equal(mw_version_finding(&version).data != NULL, i == 2);
        if (i == 0)
            MW_TRY(mw_record_set_alias(record, MW_VIEW("m"), MW_VIEW("best"), MW_VIEW("1"), err));
    }
    assert_true(mw_view_is(mw_version_finding(&version),
                           "breaks clients of @best (version 1): column 'a' was float64 and is "
                           "int64"));
    return MW_OK;
}

static mw_status accept(mw_record *record, void *given, mw_error *err)
{
    (void)given;
    return mw_record_tag_version(
        record, MW_VIEW("m"), MW_VIEW("3"),
        &(mw_tag){MW_VIEW("millwright.contract.accepted"), MW_VIEW("true")}, err);
}

static void test_findings(void **state)
{
    (void)state;
    mw_error err;
    blobs b;
    const char *served;
    mw_blobs *store = mw_registry_blobs(registry);
    assert_int_equal(mw_blobs_put(store, MW_VIEW(mlmodel), b.mlmodel, &err), MW_OK);
    assert_int_equal(
        mw_blobs_put(store,
                     MW_VIEW("signature: {inputs: '[{\"type\": \"long\", \"name\": \"a\"}]'}"),
                     b.broken, &err),
        MW_OK);
    change(find_breaks, &b);
    assert_false(mw_registry_accepts_breaks(registry, MW_VIEW("models:/m/3"), &arena));
    change(accept, NULL);
    assert_true(mw_registry_accepts_breaks(registry, MW_VIEW("models:/m/3"), &arena));
    assert_false(mw_registry_accepts_breaks(registry, MW_VIEW("models:/m/1"), &arena));
    assert_false(mw_registry_accepts_breaks(registry, MW_VIEW("runs:/a/b"), &arena));
    mw_view name = MW_VIEW("e"), address = MW_VIEW("models:/m@best");
    assert_int_equal(mw_registry_served(registry, name, address, &arena, &served, &err), MW_OK);
    assert_null(served);
    assert_int_equal(mw_registry_note_served(registry, name, address, "/x/served/12", &arena, &err),
                     MW_OK);
    assert_int_equal(mw_registry_note_served(registry, name, address, "/x/served/ab", &arena, &err),
                     MW_OK);
    assert_int_equal(mw_registry_served(registry, name, address, &arena, &served, &err), MW_OK);
    assert_string_equal(strrchr(served, '/'), "/ab");
}

/* Beside the process that has it open; an older record is brought forward when nobody has. */
static void test_looking(void **state)
{
    (void)state;
    mw_error err;
    mw_registry *other;
    char none[TEST_FOLDER_BYTES + 8];
    snprintf(none, sizeof none, "%s/none", folder);
    assert_int_equal(mw_registry_look(folder, &other, &err), MW_OK);
    mw_registry_close(other);
    assert_int_equal(mw_registry_look(none, &other, &err), MW_NOT_FOUND);
    assert_int_equal(err.code, MW_E_STORE_NONE);
}

/* ---- graphs ---------------------------------------------------------------------------------- */

/* An input or output: name, element type and sizes up to 0; -1: a size with a name. */
static void put_tensor(mw_buf *out, uint32_t field, const char *name, uint64_t element,
                       const int64_t *sizes)
{
    size_t info = mw_protobuf_begin(out, field);
    mw_protobuf_put_text(out, 1, mw_view_of(name));
    size_t type = mw_protobuf_begin(out, 2), tensor = mw_protobuf_begin(out, 1);
    mw_protobuf_put_number(out, 1, element);
    size_t shape = mw_protobuf_begin(out, 2);
    for (; *sizes; sizes++) {
        size_t dim = mw_protobuf_begin(out, 1);
        if (*sizes > 0)
            mw_protobuf_put_number(out, 1, (uint64_t)*sizes);
        else
            mw_protobuf_put_text(out, 2, MW_VIEW("N"));
        mw_protobuf_end(out, dim);
    }
    mw_protobuf_end(out, shape);
    mw_protobuf_end(out, tensor);
    mw_protobuf_end(out, type);
    mw_protobuf_end(out, info);
}

/* A graph of two inputs, of which one has a default, and behind a weight of `bytes`. */
static void put_graph(mw_buf *out, size_t bytes)
{
    static const int64_t rows[] = {-1, 4, 0}, labels[] = {-1, 0};
    mw_protobuf_put_number(out, 1, 3); /* ir_version */
    size_t graph = mw_protobuf_begin(out, 7);
    size_t weight = mw_protobuf_begin(out, 5);
    mw_protobuf_put_text(out, 8, MW_VIEW("w"));
    mw_protobuf_put_head(out, 9, bytes);
    for (size_t i = 0; i < bytes; i++)
        mw_buf_char(out, (char)0xff);
    mw_protobuf_end(out, weight);
    put_tensor(out, 11, "x", 1, rows);
    put_tensor(out, 11, "w", 1, rows);
    put_tensor(out, 12, "label", 7, labels);
    size_t map = mw_protobuf_begin(out, 12); /* a ZipMap's */
    mw_protobuf_put_text(out, 1, MW_VIEW("p"));
    mw_buf_text(out, "\x12\x0e\x22\x0c\x0a\x0a\x2a\x08\x08\x07\x12\x04\x0a\x02\x08\x01");
    mw_protobuf_end(out, map);
    mw_protobuf_end(out, graph);
    assert_false(out->failed);
}

static mw_status fetch(void *user, uint64_t begin, size_t size, mw_buf *out, mw_error *err)
{
    const mw_buf *file = user;
    (void)err;
    assert_true(begin + size <= file->size);
    mw_buf_bytes(out, file->data + begin, size);
    return MW_OK;
}

static mw_status read_graph(mw_buf *file, mw_passport *p, mw_error *err)
{
    memory = (record_memory){&arena, false};
    return passport_read_onnx(fetch, file, file->size, &memory, p, err);
}

static void test_graphs(void **state)
{
    static const size_t weights[] = {0, 5, 70000, 3 << 20};
    static const struct {
        const char *name, *type;
        bool is_output;
    } wanted[] = {{"x", "tensor(float32)[-1,4]", false},
                  {"label", "tensor(int64)[-1]", true},
                  {"p", "sequence(map(int64,tensor(float32)))", true}};
    mw_error err;
    (void)state;
    for (size_t k = 0; k < MW_COUNT(weights); k++) {
        mw_passport p = {0};
        mw_buf file;
        mw_buf_init(&file, 4 * MW_MIB);
        put_graph(&file, weights[k]);
        assert_int_equal(read_graph(&file, &p, &err), MW_OK);
        assert_int_equal(p.columns.count, MW_COUNT(wanted));
        for (size_t i = 0; i < MW_COUNT(wanted); i++) {
            const mw_passport_column *c = &p.columns.items[i];
            assert_true(mw_view_is(c->name, wanted[i].name));
            assert_true(mw_view_is(c->type, wanted[i].type));
            assert_true(c->is_output == wanted[i].is_output && c->required);
        }
        mw_buf_done(&file);
    }
}

/* What MLmodel tells counts; the graph adds the side that it does not tell. */
static void test_graphs_beside_signatures(void **state)
{
    static const char text[] = "flavors: {onnx: {data: m.onnx}}\n"
                               "signature: {inputs: '[{\"name\": \"age\", \"type\": \"long\"}]'}";
    mw_error err;
    mw_view path;
    mw_passport p = {0};
    mw_buf file;
    (void)state;
    memory = (record_memory){&arena, false};
    assert_int_equal(passport_read_mlmodel(MW_VIEW(text), &memory, &p, &path, &err), MW_OK);
    mw_buf_init(&file, MW_MIB);
    put_graph(&file, 5);
    assert_int_equal(read_graph(&file, &p, &err), MW_OK);
    assert_int_equal(p.columns.count, 3);
    assert_true(mw_view_is(p.columns.items[0].type, "long") && p.columns.items[1].is_output);
    mw_buf_done(&file);
}

/* Cut at any byte it is refused, or tells what stands before; nothing of it stays then. */
static void test_graphs_that_are_cut(void **state)
{
    mw_buf whole;
    (void)state;
    mw_buf_init(&whole, MW_MIB);
    put_graph(&whole, 5);
    for (size_t size = 0; size < whole.size; size++) {
        mw_error err = {0};
        mw_passport p = {0};
        char *bytes = malloc(size ? size : 1);
        assert_non_null(bytes);
        memcpy(bytes, whole.data, size);
        mw_buf cut = {.data = bytes, .size = size};
        assert_int_equal(read_graph(&cut, &p, &err), MW_BAD_DATA);
        assert_int_equal(p.columns.count, 0);
        assert_true(mw_view_starts(mw_view_of(err.where), "graph: byte "));
        free(bytes);
    }
    mw_buf_done(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_requirements),
                                       TEST(test_mlmodel),
                                       TEST(test_declared),
                                       TEST(test_files_that_are_none),
                                       TEST(test_versions),
                                       TEST(test_looking),
                                       TEST(test_libraries),
                                       TEST(test_findings),
                                       TEST(test_graphs),
                                       TEST(test_graphs_that_are_cut),
                                       TEST(test_graphs_beside_signatures)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
