/* Papers: one content in three forms; texts of others do nothing in any of them. */
#include <math.h>

#include "report/report.h"
#include "test.h"

typedef struct forms {
    mw_arena arena;
    mw_paper *paper;
    mw_buf html, markdown, json;
} forms;

static void open_forms(forms *f, const char *kind)
{
    mw_arena_init(&f->arena, MW_KIB, 16 * MW_MIB);
    f->paper = mw_paper_new(&f->arena, kind, "Title", MW_VIEW("<of>"));
    assert_non_null(f->paper);
}

static void write_forms(forms *f)
{
    assert_false(mw_paper_failed(f->paper));
    mw_buf_init(&f->html, 16 * MW_MIB);
    mw_buf_init(&f->markdown, 16 * MW_MIB);
    mw_buf_init(&f->json, 16 * MW_MIB);
    mw_paper_html(f->paper, &f->html);
    mw_paper_markdown(f->paper, &f->markdown);
    mw_paper_json(f->paper, &f->json);
}

static void close_forms(forms *f)
{
    mw_buf_done(&f->html);
    mw_buf_done(&f->markdown);
    mw_buf_done(&f->json);
    mw_arena_done(&f->arena);
}

static const mw_paper_column columns[] = {
    {"name", "Name", false}, {"n", "N", true}, {"share", "Share", true}, {"state", "State", false}};
static const char evil[] = "<script>alert(1)</script>|[x](javascript:y) *a* `b`";

static void fill(mw_paper *paper)
{
    const mw_view labels[] = {MW_VIEW("<a>"), MW_VIEW("b & c")};
    const double before[] = {0.25, 0.75}, now[] = {0.9, 0.1}, at[] = {1e9, 1e9 + 60};
    const double gap[] = {(double)NAN, 2};
    mw_paper_verdict(paper, MW_MARK_BAD, "%s", evil);
    mw_paper_fact(paper, "rows", "%d of %s", 7, evil);
    mw_paper_section(paper, "first", "First");
    mw_paper_say(paper, "%s", evil);
    mw_paper_point(paper, MW_MARK_OK, "%s", evil);
    mw_paper_blank(paper, "why", "Why?");
    mw_paper_written(paper, mw_view_of(evil));
    mw_paper_table(paper, "all", "A table", columns, MW_COUNT(columns));
    for (int row = 0; row < 2; row++) {
        mw_paper_cell(paper, mw_view_of(evil));
        mw_paper_cell_number(paper, row ? 1234567 : (double)NAN);
        mw_paper_cell_share(paper, 0.0123);
        mw_paper_cell_mark(paper, MW_MARK_WATCH, mw_view_of(evil));
    }
    mw_paper_figure(paper, &(mw_figure){.kind = MW_FIGURE_PAIRS,
                                        .key = "pairs",
                                        .title = mw_view_of(evil),
                                        .names = {"before", "now"},
                                        .unit = "%",
                                        .labels = labels,
                                        .columns = {before, now},
                                        .n = 2,
                                        .rule = (double)NAN});
    mw_paper_figure(paper, &(mw_figure){.kind = MW_FIGURE_TIME,
                                        .key = "line",
                                        .title = MW_VIEW("a line"),
                                        .names = {"value"},
                                        .unit = "s",
                                        .at = at,
                                        .columns = {gap},
                                        .n = 2,
                                        .rule = 1,
                                        .moments = at,
                                        .n_moments = 1,
                                        .from = (double)NAN,
                                        .to = (double)NAN});
}

static void test_texts_of_others_do_nothing(void **state)
{
    (void)state;
    forms f;
    open_forms(&f, "test");
    fill(f.paper);
    write_forms(&f);
    assert_null(strstr(f.html.data, "<script"));
    assert_null(strstr(f.html.data, "<of>"));
    assert_null(strstr(f.html.data, "<a>"));
    assert_null(strstr(f.html.data, "href"));
    assert_null(strstr(f.html.data, "nan"));
    for (const char *at = f.markdown.data; (at = strpbrk(at, "<[")); at++)
        assert_int_equal(at[-1], '\\');
    close_forms(&f);
}

static void test_the_same_is_in_each_form(void **state)
{
    (void)state;
    forms f;
    mw_json *root;
    mw_error err;
    double value;
    open_forms(&f, "test");
    fill(f.paper);
    write_forms(&f);
    assert_int_equal(mw_json_read(mw_buf_as_view(&f.json), &root, &err), MW_OK);
    assert_true(mw_view_is(mw_json_text(mw_json_member(root, "kind")), "report.test"));
    assert_true(mw_view_is(mw_json_text(mw_json_member(root, "state")), "alarm"));
    assert_true(mw_view_is(mw_json_text(mw_json_member(root, "verdict")), evil));
    const mw_json *says =
        mw_json_member(mw_json_element(mw_json_member(root, "sections"), 0), "says");
    assert_int_equal(mw_json_count(says), 7);
    const mw_json *rows = mw_json_member(mw_json_element(says, 4), "rows");
    assert_int_equal(mw_json_count(rows), 2);
    assert_true(mw_json_is_null(mw_json_member(mw_json_element(rows, 0), "n")));
    assert_true(mw_json_number(mw_json_member(mw_json_element(rows, 1), "n"), &value));
    assert_true(value == 1234567);
    const mw_json *line = mw_json_element(says, 6);
    assert_true(mw_json_is_null(mw_json_element(mw_json_member(line, "value"), 0)));
    mw_json_free(root);
    assert_non_null(strstr(f.html.data, "1,234,567"));
    assert_non_null(strstr(f.html.data, "1.2 %"));
    assert_non_null(strstr(f.markdown.data, "1,234,567"));
    assert_non_null(strstr(f.markdown.data, "| Name | N | Share | State |\n|---|---:|---:|---|\n"));
    assert_non_null(strstr(f.html.data, "2001-09-09 01:46 UTC")); /* the numbers behind a line */
    close_forms(&f);
}

static void test_what_people_write(void **state)
{
    (void)state;
    static const struct {
        const char *markdown, *html, *quoted;
    } cases[] = {
        {"# Use\n\nOne *two* **three** `four`",
         "<h3>Use</h3>\n<p>One <em>two</em> "
         "<strong>three</strong> <code>four</code></p>",
         "### Use\n"},
        {"- a\n- b\n\n1. c\n", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n<ol>\n<li>c</li>\n</ol>",
         "- a\n- b\n"},
        {"```\n# <b>\n```\nx", "<pre># &lt;b&gt;\n</pre>\n<p>x</p>", "```\n# <b>\n```\nx\n"},
        {"two\nlines", "<p>two\nlines</p>", "two\nlines\n"},
        {"2 * 3 * 4 and 5*", "<p>2 <em> 3 </em> 4 and 5*</p>", "2 * 3"},
        {"[a](javascript:b)", "<p>[a](javascript:b)</p>", "\\[a](javascript:b)\n"},
        {"###### deep\n", "<h6>deep</h6>", "######## deep"},
        {"#none\n", "<p>#none</p>", "#none"},
        {"```\nnever closed", "<pre>never closed\n</pre>", "```\nnever closed\n```\n"},
    };
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        forms f;
        open_forms(&f, "test");
        mw_paper_section(f.paper, "s", "S");
        mw_paper_written(f.paper, mw_view_of(cases[i].markdown));
        write_forms(&f);
        if (!strstr(f.html.data, cases[i].html) || !strstr(f.markdown.data, cases[i].quoted))
            fail_msg("%s:\n%s\n%s", cases[i].markdown, strstr(f.html.data, "<section>"),
                     f.markdown.data);
        close_forms(&f);
    }
}

static void test_a_long_sentence_ends_with_dots(void **state)
{
    (void)state;
    forms f;
    static char text[9000];
    memset(text, 'x', sizeof text - 1);
    open_forms(&f, "test");
    mw_paper_section(f.paper, "s", "S");
    mw_paper_say(f.paper, "%s", text);
    write_forms(&f);
    assert_non_null(strstr(f.markdown.data, "xxx..."));
    assert_true(f.markdown.size < 5000);
    close_forms(&f);
}

static void test_memory_that_is_gone_is_told(void **state)
{
    (void)state;
    mw_arena arena;
    mw_arena_init(&arena, MW_KIB, 8 * MW_KIB);
    mw_paper *paper = mw_paper_new(&arena, "test", "Title", MW_VIEW("x"));
    assert_non_null(paper);
    mw_paper_section(paper, "s", "S");
    for (int i = 0; i < 100; i++)
        fill(paper);
    assert_true(mw_paper_failed(paper));
    mw_arena_done(&arena);
}

static void test_spans(void **state)
{
    (void)state;
    static const struct {
        double seconds;
        const char *expected;
    } cases[] = {{40, "40 s"}, {600, "10 min"}, {86400, "24 h"}, {604800, "7 days"}, {-1, "-"}};
    for (size_t i = 0; i < MW_COUNT(cases); i++) {
        mw_buf out;
        mw_buf_init(&out, MW_KIB);
        mw_put_span(&out, cases[i].seconds);
        assert_string_equal(out.data, cases[i].expected);
        mw_buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_of_others_do_nothing),
        cmocka_unit_test(test_the_same_is_in_each_form),
        cmocka_unit_test(test_what_people_write),
        cmocka_unit_test(test_a_long_sentence_ends_with_dots),
        cmocka_unit_test(test_memory_that_is_gone_is_told),
        cmocka_unit_test(test_spans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
