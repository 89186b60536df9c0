/* Topics of `help`: what belongs to no single command. Kept plain, so that the same text serves the
 * terminal, the man page and the reference. */
#include "command.h"

static const cli_topic topics[] = {
    {"config", "the configuration file",
     "Settings come from, strongest first: flags, the environment, the file named by --config, "
     "./millwright.yaml, $XDG_CONFIG_HOME/millwright/millwright.yaml (or ~/.config), "
     "/etc/millwright/millwright.yaml, defaults. Each setting is decided for itself; the list of "
     "endpoints is taken whole from the strongest file that has one, and models on the command "
     "line "
     "replace it. 'mw config show --origin' tells which source won.\n\n"
     "  server:\n"
     "    listen: 127.0.0.1:8080\n"
     "    data: ./mw-data\n"
     "    threads: 4\n"
     "    max_body: 16MiB\n"
     "    drain_seconds: 30\n"
     "  endpoints:\n"
     "    - name: churn\n"
     "      model: models/churn.json\n"
     "    - model: models/price.txt\n\n"
     "The file is YAML. Unknown and duplicate keys are errors. Switches are true or false and "
     "nothing "
     "else. Sizes have units (16MiB, 1.5GB), times too (500ms, 10s, 2m). Paths are relative to the "
     "file's folder. Tags and merge keys are not read."},
    {"environment", "environment variables",
     "Every option can be given as a variable: MW_ and the flag's name in capitals, as MW_LISTEN "
     "for "
     "--listen. Settings of the configuration file have their path as a second, exact name: "
     "MW_SERVER__LISTEN for server.listen; it goes before the short one. An empty variable counts "
     "as "
     "not set. Switches are true or false, or 1 or 0.\n\n"
     "NO_COLOR (any value), or TERM=dumb, switches colour off. COLUMNS sets the width of help "
     "texts. "
     "MW_CPU=scalar forces the plain prediction kernel. DEMO=once makes 'mw demo' end by itself."},
    {"exit-codes", "what the exit code says",
     "  0    ok\n"
     "  1    failed: damaged data, the system refused, a request failed\n"
     "  2    usage: an unknown word, a wrong value, a wrong configuration; nothing was run\n"
     "  3    not found\n"
     "  4    not allowed\n"
     "  5    conflict: the address is in use, a name is taken\n"
     "  6    a check ran, and the answer is no\n"
     "  7    busy, unreachable or out of time\n"
     "  130  interrupted by Ctrl-C or a signal"},
    {"formats", "models and rows that are read",
     "Models: XGBoost JSON and UBJSON as Booster.save_model writes them; LightGBM text as "
     "Booster.save_model writes it, or the JSON of dump_model(); CatBoost JSON and .cbm, "
     "categories and their statistics too; ONNX of trees or a linear model, as skl2onnx and "
     "onnxmltools write it (a classifier answers with the probabilities of its classes), any "
     "other ONNX by ONNX Runtime where its library is installed (MW_ONNXRUNTIME); an MLflow "
     "model folder (MLmodel) that holds one of these. The kind is told from the content, never "
     "from the name. Pickles are never read: a model is data.\n\n"
     "Rows: CSV with a header line (RFC 4180; LF, CRLF or CR), or JSON lines, one array or object "
     "a line. Tabs or semicolons separate the fields where the header has them and no comma; "
     "decimals have a point. Columns are matched by name when the model knows its feature names, "
     "by position otherwise. Empty, NaN, nan, NA, N/A, null, NULL and None mean missing. Extra "
     "columns are passed over; a missing one is an error that names it."},
    {"output", "what is printed where",
     "Standard output carries the result and nothing else; progress, notices, the log and errors "
     "go "
     "to standard error. On a terminal results are aligned; in a pipe they are tab-separated, with "
     "numbers in full precision. --json gives an object, or one object a line; new members may be "
     "added, none is removed. Colour appears on a terminal only. Nothing ever asks a question, "
     "except for passwords.\n\n"
     "An error says what and where, why, and how to mend it, and ends with its code:\n\n"
     "  error: config.yaml:3:3: unknown key \"wokers\" under \"server\"\n"
     "     3 |   wokers: 4\n"
     "       |   ^^^^^^\n"
     "    fix: did you mean \"workers\"?  all keys: mw config schema server  [MW1003]\n\n"
     "'mw help MW1003' explains the code, 'mw help errors' lists all of them."},
};

const cli_topic *cli_topics(size_t *ret_count)
{
    *ret_count = MW_COUNT(topics);
    return topics;
}

const cli_topic *cli_topic_named(mw_view name)
{
    for (size_t i = 0; i < MW_COUNT(topics); i++)
        if (mw_view_is(name, topics[i].name))
            return &topics[i];
    return NULL;
}
