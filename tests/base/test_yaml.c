/* YAML documents: what people and MLflow write is read, with places; what would surprise is
 * refused. */
#include "../test.h"

#include "base/base.h"

/* The tree on one line: maps {k: v}, lists [a], quoted text 'x', plain text x. */
static void show(const mw_yaml *node, mw_buf *out)
{
    if (node->kind == MW_YAML_SCALAR) {
        mw_buf_text(out, node->quoted ? "'" : "");
        mw_buf_view(out, node->text);
        mw_buf_text(out, node->quoted ? "'" : "");
        return;
    }
    size_t n = 0;
    mw_buf_char(out, node->kind == MW_YAML_MAP ? '{' : '[');
    for (const mw_yaml *child = node->first; child; child = child->next, n++) {
        mw_buf_text(out, n > 0 ? ", " : "");
        if (node->kind == MW_YAML_MAP) {
            mw_buf_view(out, child->key);
            mw_buf_text(out, ": ");
        }
        show(child, out);
    }
    assert_int_equal(n, node->count);
    mw_buf_char(out, node->kind == MW_YAML_MAP ? '}' : ']');
}

static void test_trees(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *tree;
    } cases[] = {
        {"", "{}"},
        {"# nothing\n", "{}"},
        {"---\n", "{}"},
        {"---\n...\n", "{}"},
        {"a: 1", "{a: 1}"},
        {"a: 1\nb:\n  c: x y\n  d: [1, 'two', \"3\"]\n", "{a: 1, b: {c: x y, d: [1, 'two', '3']}}"},
        {"- a\n- - b\n  - c\n- {x: 1, y: {}}\n- []\n", "[a, [b, c], {x: 1, y: {}}, []]"},
        {"{a: [b, {c: d}], 'e f': g}", "{a: [b, {c: d}], e f: g}"},
        {"text: |\n  one\n  two\n", "{text: 'one\ntwo\n'}"},
        {"text: >-\n  one\n  two\n\n  three\n", "{text: 'one two\nthree'}"},
        {"a: \"tab\\t \\u00e9 \\x41\"", "{a: 'tab\t \xc3\xa9 A'}"},
        {"a: 'it''s'", "{a: 'it's'}"},
        {"a:\nb: ~\nc: null\nd: ''\n", "{a: , b: ~, c: null, d: ''}"},
        {"no: no\nyes: on\n", "{no: no, yes: on}"},
        {"a: plain text, with: colon-less # comment\n", NULL},
        {"a: http://x:80/y # comment\n", "{a: http://x:80/y}"},
        {"%YAML 1.1\n---\na: 1\n", "{a: 1}"},
        {"\xef\xbb\xbf"
         "a: 1\n",
         "{a: 1}"},
        {"a: 1\r\nb: 2\r\n", "{a: 1, b: 2}"},
        {"\xc3\xa9t\xc3\xa9: \xe2\x82\xac\n", "{\xc3\xa9t\xc3\xa9: \xe2\x82\xac}"},
        {"just text", "just text"},
        {"base: &b {x: 1, y: [2]}\none: *b\ntwo: *b\n",
         "{base: {x: 1, y: [2]}, one: {x: 1, y: [2]}, two: {x: 1, y: [2]}}"},
        {"- &a 1\n- &a 2\n- *a\n", "[1, 2, 2]"},
        {"- &k key\n- {*k : v}\n", "[key, {key: v}]"},
        {"a: &a\nb: *a\n", "{a: , b: }"},
        {"'<<': 1\n", "{<<: 1}"},
        {"? a\n: b\n", "{a: b}"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_yaml_document *document = NULL;
        mw_error err;
        mw_buf out;
        mw_status status = mw_yaml_read(mw_view_of(cases[i].yaml), "x.yaml", &document, &err);
        if ((status == MW_OK) != (cases[i].tree != NULL))
            fail_msg("'%s': %d, %s: %s", cases[i].yaml, (int)status, err.where, err.what);
        if (status != MW_OK)
            continue;
        mw_buf_init(&out, 65536);
        show(mw_yaml_root(document), &out);
        assert_string_equal(out.data, cases[i].tree);
        mw_buf_done(&out);
        mw_yaml_free(document);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *where, *what;
        int code;
    } cases[] = {
        {"server:\n  listen: x\nendpoints:\n  - name: a\n    model: b\n    tags: [churn, {x: 1}\n",
         "c.yaml:7:1", "did not find expected ',' or ']'", MW_E_YAML_SYNTAX},
        {"a: [b, c\nd: e\n", "c.yaml:2:2", "did not find expected ',' or ']'", MW_E_YAML_SYNTAX},
        {"a: 1\nb: 'x\n", "c.yaml:3:1", "found unexpected end of stream", MW_E_YAML_SYNTAX},
        {"a:\n\tb: 1\n", "c.yaml:2:1", "found character that cannot start any token",
         MW_E_YAML_SYNTAX},
        {"a: b: c\n", "c.yaml:1:5", "mapping values are not allowed in this context",
         MW_E_YAML_SYNTAX},
        {"a: 1\nb: 2\na: 3\n", "c.yaml:3:1", "the key 'a' stands twice", MW_E_YAML_SYNTAX},
        {"x:\n  - {k: 1, 'k': 2}\n", "c.yaml:2:12", "the key 'k' stands twice", MW_E_YAML_SYNTAX},
        {"a: 1\n---\nb: 2\n", "c.yaml:2:1", "more than one document", MW_E_YAML_LIMIT},
        {"a: !!str 1\n", "c.yaml:1:4", "tags are not read, but here stands 'tag:yaml.org,2002:str'",
         MW_E_YAML_LIMIT},
        {"a: !!python/object:os.system {}\n", "c.yaml:1:4", NULL, MW_E_YAML_LIMIT},
        {"a: ! x\n", "c.yaml:1:4", "tags are not read, but here stands '!'", MW_E_YAML_LIMIT},
        {"!x a: 1\n", "c.yaml:1:1", "tags are not read, but here stands '!x'", MW_E_YAML_LIMIT},
        {"a: &b {c: 1}\nd:\n  <<: *b\n", "c.yaml:3:3", "merge keys (<<) are not read",
         MW_E_YAML_LIMIT},
        {"{[1]: 2}\n", "c.yaml:1:2", "a key must be plain text, not a list or a map",
         MW_E_YAML_LIMIT},
        {"? {a: 1}\n: 2\n", "c.yaml:1:3", "a key must be plain text, not a list or a map",
         MW_E_YAML_LIMIT},
        {"a: &m {x: 1}\nb: {*m : 1}\n", "c.yaml:2:5", NULL, MW_E_YAML_LIMIT},
        {"a: *b\n", "c.yaml:1:4", "the alias '*b' has no anchor before it", MW_E_YAML_SYNTAX},
        {"a: &a [1, *a]\n", "c.yaml:1:11", "the alias '*a' stands inside what it means",
         MW_E_YAML_SYNTAX},
        {"ok: 1\nb: \xff\n", "c.yaml:2:4", "invalid leading UTF-8 octet", MW_E_YAML_SYNTAX},
        {"\xc3\xa9: \x01\n", "c.yaml:1:4", "control characters are not allowed", MW_E_YAML_SYNTAX},
        {"a: 1\n b: 2\n", "c.yaml:2:3", "mapping values are not allowed in this context",
         MW_E_YAML_SYNTAX},
        {"@x\n", "c.yaml:1:1", "found character that cannot start any token", MW_E_YAML_SYNTAX},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_yaml_document *document = NULL;
        mw_error err = {0};
        mw_status status = mw_yaml_read(mw_view_of(cases[i].yaml), "c.yaml", &document, &err);
        if (status != MW_BAD_DATA || err.code != cases[i].code)
            fail_msg("'%s': %d, %d %s", cases[i].yaml, (int)status, err.code, err.what);
        if (strcmp(err.where, cases[i].where) != 0 ||
            (cases[i].what && strcmp(err.what, cases[i].what) != 0))
            fail_msg("'%s': %s: %s", cases[i].yaml, err.where, err.what);
        if (!err.mend[0])
            fail_msg("'%s': no mend", cases[i].yaml);
        assert_null(document);
    }
}

static void test_a_tab_is_named(void **state)
{
    (void)state;
    mw_yaml_document *document = NULL;
    mw_error err;
    (void)!mw_yaml_read(MW_VIEW("a:\n  b: 1\n\tc: 2\n"), "c.yaml", &document, &err);
    assert_string_equal(err.where, "c.yaml:3:1");
    assert_string_equal(err.mend, "indent with spaces: YAML allows no tab here");
    (void)!mw_yaml_read(MW_VIEW("a: [1,\nb: 2"), "c.yaml", &document, &err);
    assert_string_equal(err.why, "while parsing a flow sequence that begins on line 1");
}

static void test_places(void **state)
{
    (void)state;
    mw_yaml_document *document;
    mw_error err;
    assert_int_equal(mw_yaml_read(MW_VIEW("server:\n  listen: \":8080\"\n  list:\n    - one\n"
                                          "    - &x two\n  again: *x\n"),
                                  "c.yaml", &document, &err),
                     MW_OK);
    const mw_yaml *root = mw_yaml_root(document);
    assert_int_equal(root->line, 1);
    assert_int_equal(root->column, 1);
    const mw_yaml *server = mw_yaml_member(root, "server");
    assert_int_equal(server->key_line, 1);
    assert_int_equal(server->key_column, 1);
    assert_int_equal(server->line, 2);
    assert_int_equal(server->column, 3);
    const mw_yaml *listen = mw_yaml_member(server, "listen");
    assert_int_equal(listen->line, 2);
    assert_int_equal(listen->column, 11);
    assert_true(listen->quoted && mw_view_is(listen->text, ":8080"));
    const mw_yaml *again = mw_yaml_member(server, "again"); /* the place of the text it means */
    assert_int_equal(again->line, 5);
    assert_int_equal(again->column, 7);
    assert_int_equal(again->key_line, 6);
    assert_null(mw_yaml_member(server, "absent"));
    assert_null(mw_yaml_member(listen, "listen"));
    assert_null(mw_yaml_member(mw_yaml_member(server, "list"), "one"));
    assert_null(mw_yaml_member(NULL, "x"));
    mw_yaml_free(document);
    mw_yaml_free(NULL);
}

static void test_bools_and_nulls(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        int is_bool; /* -1 not a bool */
        bool is_null;
    } cases[] = {
        {"v: true", 1, false},  {"v: false", 0, false}, {"v: 'true'", -1, false},
        {"v: True", -1, false}, {"v: yes", -1, false},  {"v: no", -1, false},
        {"v: on", -1, false},   {"v: 1", -1, false},    {"v:", -1, true},
        {"v: ~", -1, true},     {"v: null", -1, true},  {"v: 'null'", -1, false},
        {"v: ''", -1, false},   {"v: Null", -1, false}, {"v: []", -1, false},
        {"v: {}", -1, false},   {"w: true", -1, true},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_yaml_document *document;
        mw_error err;
        bool value = false;
        assert_int_equal(mw_yaml_read(mw_view_of(cases[i].yaml), "c", &document, &err), MW_OK);
        const mw_yaml *node = mw_yaml_member(mw_yaml_root(document), "v");
        bool is_bool = mw_yaml_bool(node, &value);
        if (is_bool != (cases[i].is_bool >= 0) || (is_bool && value != cases[i].is_bool) ||
            mw_yaml_is_null(node) != cases[i].is_null)
            fail_msg("%s: bool %d %d, null %d", cases[i].yaml, is_bool, value,
                     mw_yaml_is_null(node));
        mw_yaml_free(document);
    }
}

/* ---- limits ------------------------------------------------------------------------------------
 */

static mw_status read_buf(mw_buf *text, mw_error *err)
{
    mw_yaml_document *document = NULL;
    assert_false(text->failed);
    mw_status status = mw_yaml_read(mw_buf_as_view(text), "c.yaml", &document, err);
    mw_yaml_free(document);
    mw_buf_reset(text);
    return status;
}

static void repeat(mw_buf *out, const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mw_buf_text(out, text);
}

static void test_limits(void **state)
{
    (void)state;
    mw_buf text;
    mw_error err = {0};
    mw_buf_init(&text, 16 * MW_MIB);

    repeat(&text, "[", MW_LIMIT_YAML_DEPTH);
    mw_buf_text(&text, "x");
    repeat(&text, "]", MW_LIMIT_YAML_DEPTH);
    assert_int_equal(read_buf(&text, &err), MW_OK);
    repeat(&text, "[", MW_LIMIT_YAML_DEPTH + 1);
    assert_int_equal(read_buf(&text, &err), MW_BAD_DATA);
    assert_string_equal(err.what, "nested too deeply");
    assert_string_equal(err.where, "c.yaml:1:17");
    repeat(&text, "[{a: ", 100000);
    assert_int_equal(read_buf(&text, &err), MW_BAD_DATA);

    repeat(&text, "- x\n", MW_LIMIT_YAML_NODES - 1);
    assert_int_equal(read_buf(&text, &err), MW_OK);
    repeat(&text, "- x\n", MW_LIMIT_YAML_NODES);
    assert_int_equal(read_buf(&text, &err), MW_BAD_DATA);
    assert_int_equal(err.code, MW_E_YAML_LIMIT);

    mw_buf_text(&text, "- &a x\n");
    repeat(&text, "- *a\n", MW_LIMIT_YAML_ALIASES);
    assert_int_equal(read_buf(&text, &err), MW_OK);
    mw_buf_text(&text, "- &a x\n");
    repeat(&text, "- *a\n", MW_LIMIT_YAML_ALIASES + 1);
    assert_int_equal(read_buf(&text, &err), MW_BAD_DATA);
    assert_string_equal(err.what, "too many aliases");
    mw_buf_done(&text);
}

/* Few bytes, few aliases, and billions of nodes, or thousands of levels, once unfolded. */
static void test_unfolding_is_limited(void **state)
{
    (void)state;
    mw_buf text;
    mw_error err = {0};
    mw_buf_init(&text, MW_MIB);
    mw_buf_text(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 9; i++) {
        mw_buf_format(&text, "a%d: &a%d [", i, i);
        for (int j = 0; j < 9; j++)
            mw_buf_format(&text, "%s*a%d", j ? ", " : "", i - 1);
        mw_buf_text(&text, "]\n");
    }
    assert_int_equal(read_buf(&text, &err), MW_BAD_DATA);
    assert_string_equal(err.what, "too many nodes, aliases unfolded");
    assert_true(mw_view_starts(mw_view_of(err.where), "c.yaml:5:"));

    mw_buf_text(&text, "a0: &a0 [x]\n");
    for (int i = 1; i < 40; i++)
        mw_buf_format(&text, "a%d: &a%d [*a%d]\n", i, i, i - 1);
    assert_int_equal(read_buf(&text, &err), MW_BAD_DATA);
    assert_string_equal(err.what, "nested too deeply, aliases unfolded");

    /* the levels around an alias count as well: 1 + 8 + 8 is one too many, 1 + 8 + 7 is not */
    for (unsigned inner = 7; inner <= 8; inner++) {
        mw_buf_text(&text, "- &a ");
        repeat(&text, "[", inner);
        repeat(&text, "]", inner);
        mw_buf_text(&text, "\n- ");
        repeat(&text, "[", 8);
        mw_buf_text(&text, "*a");
        repeat(&text, "]", 8);
        assert_int_equal(read_buf(&text, &err),
                         1 + 8 + inner > MW_LIMIT_YAML_DEPTH ? MW_BAD_DATA : MW_OK);
    }
    mw_buf_done(&text);
}

/* ---- what others write -------------------------------------------------------------------------
 */

static const mw_yaml *walk(const mw_yaml *node, const char *const *keys)
{
    for (; *keys; keys++) {
        node = mw_yaml_member(node, *keys);
        if (!node)
            fail_msg("no '%s'", *keys);
    }
    return node;
}

#define WALK(root, ...) walk(root, (const char *const[]){__VA_ARGS__, NULL})

static void test_an_mlmodel_file(void **state)
{
    (void)state;
    static const char text[] =
        "artifact_path: model\n"
        "flavors:\n"
        "  python_function:\n"
        "    data: model.ubj\n"
        "    env:\n"
        "      conda: conda.yaml\n"
        "      virtualenv: python_env.yaml\n"
        "    loader_module: mlflow.xgboost\n"
        "    python_version: 3.11.2\n"
        "  xgboost:\n"
        "    code: null\n"
        "    data: model.ubj\n"
        "    model_class: xgboost.sklearn.XGBClassifier\n"
        "    model_format: ubj\n"
        "    xgb_version: 3.2.0\n"
        "is_signature_from_type_hint: false\n"
        "mlflow_version: 3.1.0\n"
        "model_size_bytes: 20137\n"
        "prompts: null\n"
        "signature:\n"
        "  inputs: '[{\"type\": \"long\", \"name\": \"age\", \"required\": true}, {\"type\": "
        "\"double\",\n"
        "    \"name\": \"it''s\", \"required\": true}]'\n"
        "  outputs: '[{\"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"int64\", \"shape\": "
        "[-1]}}]'\n"
        "  params: null\n"
        "utc_time_created: '2026-01-02 03:04:05.678901'\n";
    mw_yaml_document *document;
    mw_error err;
    if (mw_yaml_read(MW_VIEW(text), "MLmodel", &document, &err) != MW_OK)
        fail_msg("%s: %s", err.where, err.what);
    const mw_yaml *root = mw_yaml_root(document);
    const mw_yaml *inputs = WALK(root, "signature", "inputs");
    assert_true(inputs->quoted);
    assert_true(mw_view_is(
        inputs->text, "[{\"type\": \"long\", \"name\": \"age\", \"required\": true}, {\"type\": "
                      "\"double\", \"name\": \"it's\", \"required\": true}]"));
    mw_json *signature;
    assert_int_equal(mw_json_read(inputs->text, &signature, &err), MW_OK);
    assert_int_equal(mw_json_count(signature), 2);
    mw_json_free(signature);
    assert_true(mw_view_is(WALK(root, "flavors", "xgboost", "data")->text, "model.ubj"));
    assert_true(mw_yaml_is_null(WALK(root, "flavors", "xgboost", "code")));
    assert_true(mw_yaml_is_null(WALK(root, "signature", "params")));
    assert_true(WALK(root, "utc_time_created")->quoted);
    mw_yaml_free(document);
}

static void test_a_kubernetes_manifest(void **state)
{
    (void)state;
    static const char text[] =
        "apiVersion: serving.kserve.io/v1beta1\n"
        "kind: InferenceService\n"
        "metadata:\n"
        "  name: churn\n"
        "  annotations: {prometheus.io/scrape: \"true\", \"x/y\": 'z'}\n"
        "  labels: &labels\n"
        "    app: churn\n"
        "spec:\n"
        "  selector:\n"
        "    matchLabels: *labels\n"
        "  containers:\n"
        "  - name: server\n"
        "    args: [\"serve\", \"--listen=:8080\", '--threads', \"4\"]\n"
        "    command:\n"
        "    - /bin/sh\n"
        "    - -c\n"
        "    - |\n"
        "      set -e\n"
        "      exec millwright serve   # not a comment in here\n"
        "    resources: {limits: {cpu: \"2\", memory: 1Gi}, requests: {cpu: 500m}}\n"
        "    readinessProbe:\n"
        "      httpGet:\n"
        "        path: /v2/health/ready\n"
        "        port: 8080\n"
        "    description: >\n"
        "      folded\n"
        "      text\n";
    mw_yaml_document *document;
    mw_error err;
    if (mw_yaml_read(MW_VIEW(text), "service.yaml", &document, &err) != MW_OK)
        fail_msg("%s: %s", err.where, err.what);
    const mw_yaml *root = mw_yaml_root(document);
    assert_true(mw_view_is(WALK(root, "spec", "selector", "matchLabels", "app")->text, "churn"));
    assert_true(
        mw_view_is(WALK(root, "metadata", "annotations", "prometheus.io/scrape")->text, "true"));
    const mw_yaml *container = WALK(root, "spec", "containers")->first;
    assert_int_equal(WALK(container, "args")->count, 4);
    assert_true(mw_view_is(WALK(container, "args")->first->next->text, "--listen=:8080"));
    assert_true(mw_view_is(WALK(container, "command")->first->next->next->text,
                           "set -e\nexec millwright serve   # not a comment in here\n"));
    assert_true(mw_view_is(WALK(container, "resources", "requests", "cpu")->text, "500m"));
    assert_true(mw_view_is(WALK(container, "description")->text, "folded text\n"));
    mw_yaml_free(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trees),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_a_tab_is_named),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_bools_and_nulls),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_unfolding_is_limited),
        cmocka_unit_test(test_an_mlmodel_file),
        cmocka_unit_test(test_a_kubernetes_manifest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
