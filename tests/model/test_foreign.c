/* Graphs that are ONNX Runtime's to compute: what is found in the file, and what is said where it
 * is not installed (tests/meson.build turns it off). */
#include "sample_onnx.h"

#include "model/foreign.h"

/* ---- a writer of graphs ---------------------------------------------------------------------- */

static void put_attribute_texts(mw_buf *node, const char *name, const char *texts)
{
    mw_buf body;
    mw_view piece;
    mw_buf_init(&body, MW_MIB);
    onnx_put_text(&body, 1, name);
    while (onnx_next_piece(&texts, &piece))
        onnx_put_bytes(&body, 9, piece);
    onnx_close_attribute(node, &body);
}

/* op, inputs and outputs by name; an attribute that is a list of texts, one that is a graph. */
typedef struct node_parts {
    const char *domain, *op, *inputs, *outputs, *attribute, *texts;
    const mw_buf *graph;
    long long cast_to;
} node_parts;

static void put_node(mw_buf *graph, node_parts parts)
{
    mw_buf node, body;
    mw_view piece;
    mw_buf_init(&node, MW_MIB);
    while (onnx_next_piece(&parts.inputs, &piece))
        onnx_put_bytes(&node, 1, piece);
    while (onnx_next_piece(&parts.outputs, &piece))
        onnx_put_bytes(&node, 2, piece);
    onnx_put_text(&node, 3, "n");
    onnx_put_text(&node, 4, parts.op);
    if (parts.attribute)
        put_attribute_texts(&node, parts.attribute, parts.texts);
    if (parts.graph || parts.cast_to) {
        mw_buf_init(&body, MW_MIB);
        onnx_put_text(&body, 1, parts.graph ? "body" : "to");
        if (parts.graph)
            onnx_put_bytes(&body, 6, mw_buf_as_view(parts.graph));
        else
            onnx_put_number(&body, 3, (uint64_t)parts.cast_to);
        onnx_close_attribute(&node, &body);
    }
    onnx_put_text(&node, 7, parts.domain);
    onnx_put_bytes(graph, 1, mw_buf_as_view(&node));
    mw_buf_done(&node);
}

/* A tensor whose numbers stand in `location`. */
static void put_external(mw_buf *graph, const char *location)
{
    mw_buf tensor, entry;
    mw_buf_init(&tensor, MW_MIB);
    mw_buf_init(&entry, MW_MIB);
    onnx_put_number(&tensor, 2, 1);
    onnx_put_text(&tensor, 8, "w");
    onnx_put_text(&entry, 1, "location");
    onnx_put_text(&entry, 2, location);
    onnx_put_bytes(&tensor, 13, mw_buf_as_view(&entry));
    onnx_put_number(&tensor, 14, 1);
    onnx_put_bytes(graph, 5, mw_buf_as_view(&tensor));
    mw_buf_done(&tensor);
    mw_buf_done(&entry);
}

static void put_named(mw_buf *graph, unsigned field, const char *name)
{
    mw_buf value;
    mw_buf_init(&value, MW_MIB);
    onnx_put_text(&value, 1, name);
    onnx_put_bytes(graph, field, mw_buf_as_view(&value));
    mw_buf_done(&value);
}

static void write_model(const mw_buf *graph, mw_buf *ret_bytes)
{
    static const char *const domains[] = {"", "ai.onnx.ml", "com.microsoft", "my.own"};
    mw_buf_init(ret_bytes, MW_MIB);
    onnx_put_number(ret_bytes, 1, 8);
    onnx_put_text(ret_bytes, 2, "sample");
    onnx_put_bytes(ret_bytes, 7, mw_buf_as_view(graph));
    for (size_t i = 0; i < MW_COUNT(domains); i++) {
        mw_buf import;
        mw_buf_init(&import, MW_KIB);
        onnx_put_text(&import, 1, domains[i]);
        onnx_put_number(&import, 2, 3);
        onnx_put_bytes(ret_bytes, 8, mw_buf_as_view(&import));
        mw_buf_done(&import);
    }
}

static void write_net(mw_buf *graph)
{
    mw_buf_init(graph, MW_MIB);
    put_named(graph, 11, "x");
    put_named(graph, 12, "y");
    put_node(graph, (node_parts){.domain = "", .op = "Conv", .inputs = "x", .outputs = "c"});
    put_node(graph, (node_parts){.domain = "", .op = "Relu", .inputs = "c", .outputs = "r"});
    put_node(graph, (node_parts){.domain = "", .op = "Conv", .inputs = "r", .outputs = "y"});
}

/* ---- refused --------------------------------------------------------------------------------- */

static void read_refused(const mw_buf *graph, mw_error *err)
{
    mw_buf bytes;
    mw_forest *forest = NULL;
    write_model(graph, &bytes);
    mw_status status = mw_forest_read(mw_buf_as_view(&bytes), "net.onnx", &forest, err);
    mw_buf_done(&bytes);
    assert_int_not_equal(status, MW_OK);
}

/* The operators that are not read, each once, and how to get a runtime. */
static void test_absent(void **state)
{
    (void)state;
    mw_buf graph;
    mw_error err;
    write_net(&graph);
    read_refused(&graph, &err);
    assert_int_equal(err.code, MW_E_MODEL_OPERATOR);
    assert_non_null(strstr(err.why, "not read here: Conv, Relu; ONNX Runtime would run"));
    assert_non_null(strstr(err.mend, "MW_ONNXRUNTIME"));
    mw_buf_done(&graph);
}

static void test_wrong_library(void **state)
{
    (void)state;
    mw_buf graph;
    mw_error err;
    write_net(&graph);
    mw_runtime_use("/nowhere/libonnxruntime.so");
    read_refused(&graph, &err);
    mw_runtime_use(NULL);
    assert_int_equal(err.code, MW_E_RUNTIME_LIBRARY);
    assert_string_equal(err.where, "net.onnx: /nowhere/libonnxruntime.so");
    mw_buf_done(&graph);
}

static void test_own_domain(void **state)
{
    (void)state;
    mw_buf graph;
    mw_error err;
    write_net(&graph);
    put_node(&graph, (node_parts){.domain = "my.own", .op = "Secret", .inputs = "x"});
    read_refused(&graph, &err);
    assert_int_equal(err.code, MW_E_RUNTIME_DOMAIN);
    assert_non_null(strstr(err.what, "'my.own'"));
    assert_string_equal(err.where, "net.onnx: Secret 'n'");
    mw_buf_done(&graph);
}

/* A graph in a graph in a graph ...; the innermost holds an operator of its own domain. */
static void nest(mw_buf *graph, unsigned depth)
{
    mw_buf inner;
    mw_buf_init(&inner, MW_MIB);
    put_node(&inner, (node_parts){.domain = "my.own", .op = "Secret", .inputs = "x"});
    for (unsigned i = 0; i < depth; i++) {
        mw_buf outer;
        mw_buf_init(&outer, MW_MIB);
        put_node(&outer, (node_parts){.domain = "", .op = "If", .inputs = "x", .graph = &inner});
        mw_buf_done(&inner);
        inner = outer;
    }
    *graph = inner;
}

static void test_graphs_inside(void **state)
{
    (void)state;
    static const struct {
        unsigned depth;
        mw_code code;
    } cases[] = {{1, MW_E_RUNTIME_DOMAIN},
                 {MW_LIMIT_GRAPH_DEPTH, MW_E_RUNTIME_DOMAIN},
                 {MW_LIMIT_GRAPH_DEPTH + 1, MW_E_MODEL_LIMIT},
                 {1000, MW_E_MODEL_LIMIT}};
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_buf graph;
        mw_error err;
        nest(&graph, cases[i].depth);
        read_refused(&graph, &err);
        if (err.code != (int)cases[i].code)
            fail_msg("depth %u: MW%d %s", cases[i].depth, err.code, err.what);
        mw_buf_done(&graph);
    }
}

/* ---- found ----------------------------------------------------------------------------------- */

typedef struct scanned {
    mw_buf graph, bytes;
    foreign f;
} scanned;

static void scan(scanned *s)
{
    mw_error err;
    write_model(&s->graph, &s->bytes);
    foreign_init(&s->f, mw_buf_as_view(&s->bytes));
    if (foreign_scan(&s->f, &err) != MW_OK)
        fail_msg("%s: %s", err.where, err.what);
}

static void forget(scanned *s)
{
    foreign_done(&s->f);
    mw_buf_done(&s->bytes);
    mw_buf_done(&s->graph);
}

static void test_files_beside(void **state)
{
    (void)state;
    scanned s;
    mw_buf inner;
    mw_buf_init(&s.graph, MW_MIB);
    put_external(&s.graph, "a.bin");
    put_external(&s.graph, "b/c.bin");
    put_external(&s.graph, "a.bin");
    scan(&s);
    assert_int_equal(s.f.files.count, 2);
    assert_true(mw_view_is(((mw_view *)s.f.files.items)[1], "b/c.bin"));
    assert_false(s.f.external_inside);
    forget(&s);
    mw_buf_init(&s.graph, MW_MIB);
    mw_buf_init(&inner, MW_MIB);
    put_external(&inner, "a.bin");
    put_node(&s.graph, (node_parts){.domain = "", .op = "If", .graph = &inner});
    mw_buf_done(&inner);
    scan(&s);
    assert_true(s.f.external_inside);
    forget(&s);
}

static void test_zip_maps(void **state)
{
    (void)state;
    scanned s;
    mw_buf_init(&s.graph, MW_MIB);
    put_node(&s.graph, (node_parts){.domain = "ai.onnx.ml",
                                    .op = "ZipMap",
                                    .inputs = "scores",
                                    .outputs = "maps",
                                    .attribute = "classlabels_strings",
                                    .texts = "no,yes"});
    put_named(&s.graph, 12, "maps");
    scan(&s);
    assert_int_equal(s.f.zips.count, 1);
    assert_int_equal(s.f.labels.count, 1);
    assert_true(mw_view_is(((foreign_zip *)s.f.zips.items)->input, "scores"));
    assert_true(mw_view_is(((mw_view *)s.f.texts.items)[1], "yes"));
    forget(&s);
}

static const struct text_case {
    const char *name;
    node_parts nodes[3];
    const char *categories; /* joined by commas; NULL: refused */
} text_cases[] = {
    {"encoder",
     {{.domain = "ai.onnx.ml",
       .op = "OneHotEncoder",
       .inputs = "x",
       .attribute = "cats_strings",
       .texts = "a,b"}},
     "a,b"},
    {"through Concat and Cast to text, each text once",
     {{.domain = "", .op = "Concat", .inputs = "q,x", .outputs = "c"},
      {.domain = "", .op = "Cast", .inputs = "c", .outputs = "d", .cast_to = 8},
      {.domain = "ai.onnx.ml",
       .op = "LabelEncoder",
       .inputs = "d",
       .attribute = "keys_strings",
       .texts = "b,a,b"}},
     "b,a"},
    {"nobody reads it", {{.domain = "", .op = "Relu", .inputs = "y"}}, ""},
    {"cast to a number", {{.domain = "", .op = "Cast", .inputs = "x", .cast_to = 1}}, NULL},
    {"tokens", {{.domain = "com.microsoft", .op = "Tokenizer", .inputs = "x"}}, NULL},
    {"an encoder of numbers",
     {{.domain = "ai.onnx.ml", .op = "OneHotEncoder", .inputs = "x"}},
     NULL},
    {"compared with another input", {{.domain = "", .op = "Equal", .inputs = "x,y"}}, NULL},
};

static void test_categories(void **state)
{
    (void)state;
    for (size_t i = 0; i < MW_COUNT(text_cases); i++) {
        const struct text_case *c = &text_cases[i];
        scanned s;
        mw_error err = {0};
        char joined[80] = "";
        model_list views = {.item_bytes = sizeof(mw_view)};
        mw_buf_init(&s.graph, MW_MIB);
        for (size_t n = 0; n < MW_COUNT(c->nodes) && c->nodes[n].op; n++)
            put_node(&s.graph, c->nodes[n]);
        scan(&s);
        mw_status status = foreign_categories(&s.f, MW_VIEW("x"), &views, &err);
        for (size_t v = 0; v < views.count; v++)
            snprintf(joined + strlen(joined), sizeof joined - strlen(joined), "%s%.*s",
                     v ? "," : "", MW_VIEW_ARG(((mw_view *)views.items)[v]));
        bool right = c->categories ? status == MW_OK && strcmp(joined, c->categories) == 0
                                   : err.code == MW_E_RUNTIME_SHAPE && err.mend[0] != '\0';
        if (!right)
            fail_msg("%s: %d '%s' %s", c->name, (int)status, joined, err.what);
        model_list_done(&views);
        forget(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_absent),       cmocka_unit_test(test_wrong_library),
        cmocka_unit_test(test_own_domain),   cmocka_unit_test(test_graphs_inside),
        cmocka_unit_test(test_files_beside), cmocka_unit_test(test_zip_maps),
        cmocka_unit_test(test_categories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
