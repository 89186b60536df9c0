/* init: files of a pipeline that validates, registers, gates and deploys a model.
 *
 *     steps[] --github, gitlab, jenkins--> .github/workflows/millwright.yml, .gitlab-ci.yml,
 *                                          Jenkinsfile
 *     and, where they are not there yet: millwright.yaml, suite.yaml
 *
 * The shell lines stand here once; the three differ in what CI systems differ in. */
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "call.h"

enum { TEXT_BYTES_MAX = 1 << 20, LINES_MAX = 4 };

typedef struct step {
    const char *name;
    bool deploys; /* only what was merged */
    const char *lines[LINES_MAX + 1];
} step;

#define SERVER "--server \"$MW_HOST\" --header \"Authorization: Bearer $MW_TOKEN\""

/* @FORMAT@: junit or github, the form in which the system shows what did not hold. The report comes
 * first, so that it is there to be read when the line behind it ends the pipeline. */
static const step steps[] = {
    {"validate",
     false,
     {"mw model validate \"$MODEL_FILE\" --data \"$TEST_DATA\" --target \"$TARGET\" --suite "
      "suite.yaml --format json -o validation.json || true",
      "mw model validate \"$MODEL_FILE\" --data \"$TEST_DATA\" --target \"$TARGET\" --suite "
      "suite.yaml --format @FORMAT@",
      NULL}},
    {"check", false, {"mw config check millwright.yaml", NULL}},
    {"register",
     true,
     {"mw model register \"$MODEL\" \"$MODEL_FILE\" --alias candidate " SERVER, NULL}},
    {"gate", true, {"mw gate add \"$MODEL@candidate\" validation.json " SERVER, NULL}},
    {"deploy", true, {"mw apply -f millwright.yaml " SERVER, NULL}},
};

static const char head[] =
    "# Validates each change; what is merged is registered, passes its gates and is rolled out.\n"
    "# Written by `mw init`; yours from now on. Needed: `mw` in PATH, the server's address in\n"
    "# MW_HOST and a deployer's token in MW_TOKEN (mw token create ci --role deployer).\n";

static const char *const variables[][2] = {
    {"MODEL_FILE", "model.json"}, {"TEST_DATA", "test.csv"}, {"TARGET", "y"}};

/* ---- the three systems ----------------------------------------------------------------------- */

static void put_line(mw_buf *out, const char *line, const char *format)
{
    const char *at = strstr(line, "@FORMAT@");
    if (at)
        mw_buf_format(out, "%.*s%s%s", (int)(at - line), line, format, at + 8);
    else
        mw_buf_text(out, line);
}

static void put_step_of_github(mw_buf *out, const step *s)
{
    mw_buf_format(out, "      - name: %s\n", s->name);
    if (s->deploys)
        mw_buf_text(out, "        if: github.ref == 'refs/heads/main'\n");
    mw_buf_text(out, "        run: |\n");
    for (size_t i = 0; s->lines[i]; i++) {
        mw_buf_text(out, "          ");
        put_line(out, s->lines[i], "github");
        mw_buf_char(out, '\n');
    }
}

static void write_github(const char *model, mw_buf *out)
{
    mw_buf_format(out,
                  "%sname: millwright\n"
                  "on:\n  push: {branches: [main]}\n  pull_request:\n"
                  "concurrency: millwright-${{ github.ref }}\n"
                  "jobs:\n  release:\n    runs-on: ubuntu-latest\n"
                  "    permissions: {contents: read}\n    env:\n      MODEL: \"%s\"\n",
                  head, model);
    for (size_t i = 0; i < MW_COUNT(variables); i++)
        mw_buf_format(out, "      %s: \"%s\"\n", variables[i][0], variables[i][1]);
    mw_buf_text(out, "      MW_HOST: ${{ vars.MW_HOST }}\n"
                     "      MW_TOKEN: ${{ secrets.MW_TOKEN }}\n"
                     "    steps:\n      - uses: actions/checkout@v4\n");
    for (size_t i = 0; i < MW_COUNT(steps); i++)
        put_step_of_github(out, &steps[i]);
    mw_buf_text(out, "      - uses: actions/upload-artifact@v4\n        if: always()\n"
                     "        with: {name: validation, path: validation.json}\n");
}

static void put_job_of_gitlab(mw_buf *out, const step *s)
{
    mw_buf_format(out, "\n%s:\n  stage: %s\n", s->name, s->name);
    if (s->deploys)
        mw_buf_text(out, "  rules: [{if: '$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH'}]\n"
                         "  resource_group: millwright\n");
    mw_buf_text(out, "  script:\n");
    for (size_t i = 0; s->lines[i]; i++) {
        mw_buf_text(out, "    - |\n      "); /* a block: no character of the line is YAML's */
        put_line(out, s->lines[i], "junit -o validation.xml");
        mw_buf_char(out, '\n');
    }
    if (!s->deploys && strcmp(s->name, "validate") == 0)
        mw_buf_text(out, "  artifacts:\n    when: always\n    paths: [validation.json]\n"
                         "    reports: {junit: validation.xml}\n");
}

static void write_gitlab(const char *model, mw_buf *out)
{
    mw_buf_format(out, "%s# Both are masked CI/CD variables of the project.\nvariables:\n", head);
    mw_buf_format(out, "  MODEL: \"%s\"\n", model);
    for (size_t i = 0; i < MW_COUNT(variables); i++)
        mw_buf_format(out, "  %s: \"%s\"\n", variables[i][0], variables[i][1]);
    mw_buf_text(out, "stages: [");
    for (size_t i = 0; i < MW_COUNT(steps); i++)
        mw_buf_format(out, "%s%s", i ? ", " : "", steps[i].name);
    mw_buf_text(out, "]\n");
    for (size_t i = 0; i < MW_COUNT(steps); i++)
        put_job_of_gitlab(out, &steps[i]);
}

static void put_stage_of_jenkins(mw_buf *out, const step *s)
{
    mw_buf_format(out, "    stage('%s') {\n", s->name);
    if (s->deploys)
        mw_buf_text(out, "      when { branch 'main' }\n");
    mw_buf_text(out, "      steps {\n");
    for (size_t i = 0; s->lines[i]; i++) {
        mw_buf_text(out, "        sh '''");
        put_line(out, s->lines[i], "junit -o validation.xml");
        mw_buf_text(out, "'''\n");
    }
    mw_buf_text(out, "      }\n");
    if (strcmp(s->name, "validate") == 0)
        mw_buf_text(out, "      post {\n        always {\n          junit 'validation.xml'\n"
                         "          archiveArtifacts artifacts: 'validation.json', "
                         "allowEmptyArchive: true\n        }\n      }\n");
    mw_buf_text(out, "    }\n");
}

static void write_jenkins(const char *model, mw_buf *out)
{
    for (const char *at = head; *at;) { /* the same words behind other marks */
        const char *end = strchr(at, '\n');
        mw_buf_format(out, "//%.*s\n", (int)(end - at) - 1, at + 1);
        at = end + 1;
    }
    mw_buf_text(out, "pipeline {\n  agent any\n  options { disableConcurrentBuilds() }\n"
                     "  environment {\n");
    mw_buf_format(out, "    MODEL = '%s'\n", model);
    for (size_t i = 0; i < MW_COUNT(variables); i++)
        mw_buf_format(out, "    %s = '%s'\n", variables[i][0], variables[i][1]);
    mw_buf_text(out, "    MW_TOKEN = credentials('mw-token')\n  }\n  stages {\n");
    for (size_t i = 0; i < MW_COUNT(steps); i++)
        put_stage_of_jenkins(out, &steps[i]);
    mw_buf_text(out, "  }\n}\n");
}

/* ---- what they read -------------------------------------------------------------------------- */

static void write_document(const char *model, mw_buf *out)
{
    mw_buf_format(out,
                  "# What shall be served, and how a new version comes: mw apply. Keys:\n"
                  "# docs/reference/apply.md. Gate policies are an admin's: apply the file once\n"
                  "# with an admin's token, then the pipeline's deployer finds nothing to change "
                  "there.\n"
                  "models:\n"
                  "  - name: \"%s\"\n"
                  "    gates: {require: [validation], aliases: [champion]}\n"
                  "endpoints:\n"
                  "  - {name: \"%s\", model: \"models:/%s@champion\"}\n"
                  "rollouts:\n"
                  "  - {endpoint: \"%s\", model: \"%s@candidate\", strategy: canary, "
                  "steps: [5, 25, 100]}\n",
                  model, model, model, model, model);
}

static void write_suite(const char *model, mw_buf *out)
{
    mw_buf_format(
        out,
        "# What a version of '%s' must keep: mw model validate. Every limit there is:\n"
        "# docs/reference/validation-suite.md. Put yours in place of these.\n"
        "metrics: {roc_auc: 0.6}\n"
        "tests:\n- range: {}\n- determinism: {}\n"
        "data: {min_rows: 50}\n"
        "latency: {p99: 50ms}\n"
        "undecided: warn # fail: each limit must be shown to be kept, or it does not pass\n",
        model);
}

/* ---- run ------------------------------------------------------------------------------------- */

typedef struct made_file {
    const char *path;
    void (*write)(const char *model, mw_buf *out);
    bool is_pipeline; /* what was asked for; others are made only where they are missing */
} made_file;

static mw_status make_folders(char *path, mw_error *err)
{
    for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        bool made = mkdir(path, 0777) == 0 || errno == EEXIST;
        *slash = '/';
        if (made)
            continue;
        mw_fail(err, MW_E_FILE_WRITE, "cannot make a folder: %s", strerror(errno));
        return mw_at(err, "%s", path);
    }
    return MW_OK;
}

static mw_status make(cli_call *call, const char *folder, const made_file *file, const char *model,
                      mw_buf *said, mw_error *err)
{
    char path[PATH_MAX];
    mw_buf text;
    struct stat there;
    snprintf(path, sizeof path, "%s/%s", folder, file->path);
    bool exists = stat(path, &there) == 0;
    if (exists && !(file->is_pipeline && cli_is_on(call, CLI_FORCE))) {
        mw_buf_format(said, "kept   %s\n", file->path);
        return MW_OK;
    }
    MW_TRY(make_folders(path, err));
    mw_buf_init(&text, TEXT_BYTES_MAX);
    file->write(model, &text);
    mw_status status = text.failed ? mw_fail_memory(err, "a file")
                                   : mw_file_write(path, mw_buf_as_view(&text), err);
    mw_buf_done(&text);
    mw_buf_format(said, "%s  %s\n", exists ? "again" : "wrote", file->path);
    return status;
}

/* The pipeline itself is what was asked for: it is refused rather than kept. */
static mw_status refuse_to_replace(cli_call *call, const char *folder, const made_file *file,
                                   mw_error *err)
{
    char path[PATH_MAX];
    struct stat there;
    snprintf(path, sizeof path, "%s/%s", folder, file->path);
    if (cli_is_on(call, CLI_FORCE) || stat(path, &there) != 0)
        return MW_OK;
    mw_fail(err, MW_E_INIT_EXISTS, "%s is there already", path);
    return mw_mend(err, "look at it; mw init --ci %s --force writes it again",
                   call->settings[CLI_CI].text);
}

/* It stands in YAML, shell and addresses. */
static mw_status check_model(const char *model, mw_error *err)
{
    size_t n = strspn(model, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");
    if (n > 0 && !model[n] && n <= MW_LIMIT_NAME_BYTES && model[0] != '.' && model[0] != '-')
        return MW_OK;
    mw_fail(err, MW_E_OPTION_VALUE, "'%.60s' cannot be the name of a model and its endpoint",
            model);
    return mw_mend(err, "use letters, digits, '_', '-' and '.'");
}

mw_status cli_run_init(cli_call *call, mw_error *err)
{
    static const made_file pipelines[] = {/* as the choices of CLI_CI */
                                          {".github/workflows/millwright.yml", write_github, true},
                                          {".gitlab-ci.yml", write_gitlab, true},
                                          {"Jenkinsfile", write_jenkins, true}};
    static const made_file others[] = {{"millwright.yaml", write_document, false},
                                       {"suite.yaml", write_suite, false}};
    const char *folder = call->n_arguments ? call->arguments[0] : ".";
    const char *model = call->settings[CLI_INIT_MODEL].text;
    mw_buf said;
    MW_TRY(check_model(model, err));
    if (!call->settings[CLI_CI].text) {
        mw_fail(err, MW_E_OPTION_VALUE, "which CI system?");
        return mw_mend(err, "mw init --ci github, gitlab or jenkins");
    }
    const made_file *pipeline = &pipelines[call->settings[CLI_CI].number];
    MW_TRY(refuse_to_replace(call, folder, pipeline, err));
    mw_buf_init(&said, TEXT_BYTES_MAX);
    mw_status status = make(call, folder, pipeline, model, &said, err);
    for (size_t i = 0; i < MW_COUNT(others) && status == MW_OK; i++)
        status = make(call, folder, &others[i], model, &said, err);
    if (status == MW_OK)
        status = cli_put(call, &said, err);
    mw_buf_done(&said);
    return status;
}
