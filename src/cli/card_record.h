/* What a model card takes from the record: gates with the reports that were added, and the text
 * that people wrote.
 *
 * The text is Markdown in the version's tag card.text: a tag, and no file of the version, because
 * results of gates count for the files that they were made with. A version without one shows that
 * of the newest version before it, and says so. */
#ifndef CLI_CARD_RECORD_H
#define CLI_CARD_RECORD_H

#include "call.h"
#include "registry/registry.h"

typedef struct cli_card_record {
    mw_gate_standing standing;
    mw_view text;         /* data NULL: nobody wrote one */
    int64_t text_version; /* whose it is */
} cli_card_record;

/* Inside a reading. */
MW_CHECKED mw_status cli_card_look(mw_record *record, const mw_model_version *version,
                                   mw_view address, cli_card_record *ret, mw_error *err);
/* --text FILE becomes the version's, in the name of who types. Fails: as mw_file_read;
 * MW_BAD_ARGUMENT (MW1072) it is empty or no UTF-8 text; as mw_record_tag_version. */
MW_CHECKED mw_status cli_card_keep_text(const cli_call *call, mw_error *err);
/* A report by its digest, of a gate that was added. Not inside a reading. */
MW_CHECKED mw_status cli_card_report(mw_registry *registry, mw_view digest, mw_json **ret_report,
                                     mw_error *err);

#endif
