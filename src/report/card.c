/* Cards as a page, as Markdown and as JSON. What nobody provided is shown as such, never left out.
 */
#include "paper_parts.h"
#include "report.h"

#include "base/banned.h"

#define BLANK "not provided"
#define WRITTEN "What people wrote"

/* ---- page ------------------------------------------------------------------------------------ */

/* Prose as people wrote it: an empty line parts paragraphs. */
static void put_prose(mw_buf *out, mw_view text)
{
    mw_buf_text(out, "<p>");
    for (size_t i = 0; i < text.size; i++) {
        bool ends = text.data[i] == '\n' && i + 1 < text.size && text.data[i + 1] == '\n';
        if (ends)
            mw_buf_text(out, "</p>\n<p>");
        mw_put_escaped(out, (mw_view){text.data + i, 1});
        i += ends;
    }
    mw_buf_text(out, "</p>\n");
}

static void put_rows(const mw_card_section *section, mw_buf *out)
{
    bool is_open = false;
    for (size_t i = 0; i < section->n_entries; i++) {
        const mw_card_entry *entry = &section->entries[i];
        bool is_row = entry->name.size > 0;
        if (is_row != is_open)
            mw_buf_text(out, is_row ? "<table><tbody>\n" : "</tbody></table>\n");
        is_open = is_row;
        if (!is_row) {
            put_prose(out, entry->value);
            continue;
        }
        mw_buf_text(out, "<tr><th scope=\"row\">");
        mw_put_escaped(out, entry->name);
        mw_buf_text(out, "</th><td>");
        mw_put_escaped(out, entry->value);
        mw_buf_text(out, "</td></tr>\n");
    }
    mw_buf_text(out, is_open ? "</tbody></table>\n" : "");
}

/* Below the verdict: what people say comes before what was measured. */
static void put_text(const mw_card *card, mw_buf *out)
{
    mw_buf_text(out, "<section><h2>" WRITTEN "</h2>\n");
    if (card->text_note.size > 0) {
        mw_buf_text(out, "<p class=\"faint\">");
        mw_put_escaped(out, card->text_note);
        mw_buf_text(out, "</p>\n");
    }
    if (card->text.size > 0)
        paper_put_written(out, card->text);
    else
        mw_buf_text(out, "<p class=\"faint\">" BLANK "</p>\n");
    mw_buf_text(out, "</section>\n");
}

void mw_card_html(const mw_card *card, mw_buf *out)
{
    mw_page_open(out, "Model card", card->verdict);
    mw_buf_text(out, "<h1>");
    mw_put_escaped(out, card->title);
    mw_buf_text(out, "</h1>\n<p>");
    mw_put_escaped(out, card->verdict);
    mw_buf_text(out, "</p>\n");
    put_text(card, out);
    for (size_t i = 0; i < card->n_sections; i++) {
        const mw_card_section *section = &card->sections[i];
        mw_buf_format(out, "<h2>%s</h2>\n", section->title);
        if (section->n_entries == 0)
            mw_buf_text(out, "<p class=\"faint\">" BLANK "</p>\n");
        put_rows(section, out);
    }
    mw_page_close(out);
}

/* ---- Markdown -------------------------------------------------------------------------------- */

void mw_card_markdown(const mw_card *card, mw_buf *out)
{
    mw_buf_text(out, "# ");
    mw_put_plain(out, card->title);
    mw_buf_text(out, "\n\n");
    mw_put_plain(out, card->verdict);
    mw_buf_text(out, "\n\n## " WRITTEN "\n\n");
    mw_put_plain(out, card->text_note);
    mw_buf_text(out, card->text_note.size > 0 ? "\n\n" : "");
    if (card->text.size > 0)
        paper_put_quoted(out, card->text);
    else
        mw_buf_text(out, BLANK "\n");
    for (size_t i = 0; i < card->n_sections; i++) {
        const mw_card_section *section = &card->sections[i];
        bool was_row = false;
        mw_buf_format(out, "\n## %s\n\n%s", section->title,
                      section->n_entries == 0 ? BLANK "\n" : "");
        for (size_t k = 0; k < section->n_entries; k++) {
            const mw_card_entry *entry = &section->entries[k];
            bool is_row = entry->name.size > 0;
            if (is_row && !was_row)
                mw_buf_text(out, "| | |\n|---|---|\n");
            mw_buf_text(out, is_row ? "| " : "");
            if (is_row)
                mw_put_plain(out, entry->name);
            mw_buf_text(out, is_row ? " | " : "");
            mw_put_plain(out, entry->value);
            mw_buf_text(out, is_row ? " |\n" : "\n\n");
            was_row = is_row;
        }
    }
}

/* ---- JSON ------------------------------------------------------------------------------------ */

void mw_card_json(const mw_card *card, mw_buf *out)
{
    mw_buf_text(out, "{\"kind\":\"card\",\"format\":1,\"title\":");
    mw_json_write_text(out, card->title);
    mw_buf_text(out, ",\"verdict\":");
    mw_json_write_text(out, card->verdict);
    mw_buf_text(out, ",\"text\":");
    if (card->text.size > 0)
        mw_json_write_text(out, card->text);
    else
        mw_buf_text(out, "null");
    mw_buf_text(out, ",\"text_note\":");
    mw_json_write_text(out, card->text_note);
    mw_buf_text(out, ",\"sections\":{");
    for (size_t i = 0; i < card->n_sections; i++) {
        const mw_card_section *section = &card->sections[i];
        mw_buf_format(out, "%s\"%s\":[", i ? "," : "", section->key);
        for (size_t k = 0; k < section->n_entries; k++) {
            mw_buf_text(out, k ? ",{\"name\":" : "{\"name\":");
            if (section->entries[k].name.size > 0)
                mw_json_write_text(out, section->entries[k].name);
            else
                mw_buf_text(out, "null");
            mw_buf_text(out, ",\"value\":");
            mw_json_write_text(out, section->entries[k].value);
            mw_buf_char(out, '}');
        }
        mw_buf_char(out, ']');
    }
    mw_buf_text(out, "}}\n");
}
