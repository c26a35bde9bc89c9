/* SPDX-License-Identifier: MIT */
#include "adaptau-recommend/output.h"

#include <string.h>

/* ---- words --------------------------------------------------------------------------------------------------------- */

static bool for_items(const struct output *output)
{
    return output->settings->wish != WISH_SIMILAR_USERS;
}

/* Of what a list holds. */
static const char *label_of(const struct output *output, int32_t row, char buffer[LABEL_SIZE])
{
    return row_label(for_items(output) ? &output->catalog->items : &output->catalog->users, row, buffer);
}

static const char *title_of(const struct output *output, int32_t row)
{
    return output->titles && for_items(output) ? titles_get(output->titles, row) : NULL;
}

/* What speaks for an item, of what its recipient has. */
static int32_t reasons_of(const struct output *output, const struct recipient *recipient, int32_t row,
                          struct reason reasons[REASONS_MAX])
{
    const int32_t most = (int32_t)output->settings->n_reasons;
    return most > 0 ? find_reasons(output->catalog, row, recipient->n_own, recipient->own, most, reasons) : 0;
}

/* What a list is for, what it is a list of, and what an entry is. */
struct words {
    const char *one, *all, *entry, *entries;
};

static struct words words_of(const struct output *output)
{
    switch (output->settings->wish) {
    case WISH_SIMILAR_ITEMS: return (struct words){"item", "items", "similar", "similar"};
    case WISH_SIMILAR_USERS: return (struct words){"user", "users", "similar", "similar"};
    default: return (struct words){"user", "users", "item", "items"};
    }
}

/* ---- tables -------------------------------------------------------------------------------------------------------- */

static char separator_of(const struct output *output)
{
    return output->settings->form == FORM_CSV ? ',' : '\t';
}

/* RFC 4180: in quotes where it must be. */
static void put_field(const struct output *output, const char *text)
{
    const char needs[] = {separator_of(output), '"', '\n', '\r', '\0'};
    size_t     length = strlen(text);
    if (length > 0 && text[strcspn(text, needs)] == '\0' && text[0] != ' ' && text[length - 1] != ' ') {
        fputs(text, output->file);
        return;
    }
    putc('"', output->file);
    for (; *text; text++) {
        if (*text == '"')
            putc('"', output->file);
        putc(*text, output->file);
    }
    putc('"', output->file);
}

static void put_header(const struct output *output)
{
    const struct words words = words_of(output);
    const char         c = separator_of(output);
    fprintf(output->file, "%s%crank%c%s%cscore", words.one, c, c, words.entry, c);
    if (output->titles && for_items(output))
        fprintf(output->file, "%ctitle", c);
    if (output->settings->cold == COLD_POPULAR)
        fprintf(output->file, "%cpopular", c);
    for (int32_t i = 0; i < output->settings->n_reasons; i++)
        fprintf(output->file, "%cwhy_%d%csimilarity_%d", c, i + 1, c, i + 1);
    putc('\n', output->file);
}

/* So many fields in every line, empty where there are fewer reasons. */
static void put_reasons(struct output *output, const struct recipient *recipient, int32_t row)
{
    char          label[LABEL_SIZE];
    struct reason reasons[REASONS_MAX];
    const char    c = separator_of(output);
    const int32_t n = reasons_of(output, recipient, row, reasons);
    for (int32_t i = 0; i < output->settings->n_reasons; i++) {
        putc(c, output->file);
        if (i < n)
            put_field(output, label_of(output, reasons[i].item, label));
        putc(c, output->file);
        if (i < n)
            fprintf(output->file, "%.4f", reasons[i].similarity);
    }
}

static void put_rows(struct output *output, const struct recipient *recipient, int32_t k, const int32_t *found,
                     const float *scores)
{
    char       label[LABEL_SIZE];
    const char c = separator_of(output);
    for (int32_t r = 0; r < k && found[r] >= 0; r++) {
        const char *title = title_of(output, found[r]);
        put_field(output, recipient->label);
        fprintf(output->file, "%c%d%c", c, r + 1, c);
        put_field(output, label_of(output, found[r], label));
        fprintf(output->file, "%c%.7g", c, (double)scores[r]);
        if (output->titles && for_items(output)) {
            putc(c, output->file);
            if (title)
                put_field(output, title);
        }
        if (output->settings->cold == COLD_POPULAR)
            fprintf(output->file, "%c%d", c, recipient->cold);
        put_reasons(output, recipient, found[r]);
        putc('\n', output->file);
    }
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------- */

static void json_reasons(struct output *output, const struct recipient *recipient, int32_t row)
{
    char          label[LABEL_SIZE];
    struct reason reasons[REASONS_MAX];
    struct json  *json = &output->json;
    const int32_t n = reasons_of(output, recipient, row, reasons);
    json_open(json, "why", '[');
    for (int32_t i = 0; i < n; i++) {
        const char *title = title_of(output, reasons[i].item);
        json_open(json, NULL, '{');
        json_text(json, "item", label_of(output, reasons[i].item, label));
        json_whole(json, "id", reasons[i].item);
        json_number(json, "similarity", reasons[i].similarity);
        if (title)
            json_text(json, "title", title);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void put_object(struct output *output, const struct recipient *recipient, int32_t k, const int32_t *found,
                       const float *scores)
{
    char               label[LABEL_SIZE];
    const struct words words = words_of(output);
    struct json       *json = &output->json;
    json_open(json, NULL, '{');
    json_text(json, words.one, recipient->label);
    if (recipient->row >= 0)
        json_whole(json, "id", recipient->row);
    if (recipient->cold)
        json_truth(json, "popular", true);
    json_open(json, words.entries, '[');
    for (int32_t r = 0; r < k && found[r] >= 0; r++) {
        const char *title = title_of(output, found[r]);
        json_open(json, NULL, '{');
        json_text(json, for_items(output) ? "item" : "user", label_of(output, found[r], label));
        json_whole(json, "id", found[r]);
        json_number(json, "score", (double)scores[r]);
        if (title)
            json_text(json, "title", title);
        if (output->settings->n_reasons > 0)
            json_reasons(output, recipient, found[r]);
        json_close(json, '}');
    }
    json_close(json, ']');
    json_close(json, '}');
}

/* ---- for people ---------------------------------------------------------------------------------------------------- */

static void tell_reasons(const struct output *output, const struct recipient *recipient, int32_t row)
{
    char          label[LABEL_SIZE];
    struct reason reasons[REASONS_MAX];
    const int32_t n = reasons_of(output, recipient, row, reasons);
    for (int32_t i = 0; i < n; i++) {
        const char *title = title_of(output, reasons[i].item);
        fputs(i == 0 ? "               similar to  " : "                           ", output->file);
        name_print(output->file, title ? title : label_of(output, reasons[i].item, label), 0);
        fprintf(output->file, "  %.2f\n", reasons[i].similarity);
    }
}

static void put_list(struct output *output, const struct recipient *recipient, int32_t k, const int32_t *found,
                     const float *scores)
{
    char        label[LABEL_SIZE];
    const char *own_title = output->settings->wish == WISH_SIMILAR_ITEMS ? title_of(output, recipient->row) : NULL;
    if (output->n_lists > 0)
        putc('\n', output->file);
    name_print(output->file, recipient->label, 0);
    if (own_title) {
        fputs("  ", output->file);
        name_print(output->file, own_title, 0);
    }
    fputs(recipient->cold ? "  (not in the model: what is popular)\n" : "\n", output->file);
    for (int32_t r = 0; r < k && found[r] >= 0; r++) {
        const char *title = title_of(output, found[r]);
        fprintf(output->file, recipient->cold ? "%4d  %7.0f  " : "%4d  %7.4f  ", r + 1, (double)scores[r]);
        name_print(output->file, label_of(output, found[r], label), 0);
        if (title) {
            fputs("  ", output->file);
            name_print(output->file, title, 0);
        }
        putc('\n', output->file);
        tell_reasons(output, recipient, found[r]);
    }
}

/* ---- all forms ----------------------------------------------------------------------------------------------------- */

adaptau_status output_open(struct output *output, const struct settings *settings, const struct catalog *catalog,
                           const struct titles *titles, adaptau_error *error)
{
    *output = (struct output){.settings = settings, .catalog = catalog, .titles = titles, .file = stdout};
    if (settings->output && strcmp(settings->output, "-") != 0) {
        adaptau_status status = draft_open(&output->draft, settings->output, error);
        if (status)
            return status;
        output->file = output->draft.file;
    }
    output->json.out = output->file;
    return ADAPTAU_OK;
}

/* What comes before the first list, when that is there: a failure before it leaves nothing behind. */
static void begin(struct output *output)
{
    const struct settings *settings = output->settings;
    if (output->begun)
        return;
    output->begun = true;
    if (settings->form == FORM_CSV || settings->form == FORM_TSV)
        put_header(output);
    if (settings->form == FORM_JSON) {
        json_open(&output->json, NULL, '{');
        json_text(&output->json, "model", settings->model);
        json_open(&output->json, words_of(output).all, '[');
    }
}

void output_list(struct output *output, const struct recipient *recipient, int32_t k, const int32_t *found, const float *scores)
{
    begin(output);
    switch (output->settings->form) {
    case FORM_CSV:
    case FORM_TSV: put_rows(output, recipient, k, found, scores); break;
    case FORM_JSON: put_object(output, recipient, k, found, scores); break;
    case FORM_JSONL:
        output->json.follows = false;
        put_object(output, recipient, k, found, scores);
        putc('\n', output->file);
        break;
    default: put_list(output, recipient, k, found, scores); break;
    }
    output->n_lists++;
}

adaptau_status output_close(struct output *output, adaptau_error *error)
{
    begin(output);
    if (output->settings->form == FORM_JSON) {
        json_close(&output->json, ']');
        json_close(&output->json, '}');
        putc('\n', output->file);
    }
    return output->draft.file ? draft_commit(&output->draft, error) : ADAPTAU_OK;
}

void output_discard(struct output *output)
{
    draft_discard(&output->draft);
}
