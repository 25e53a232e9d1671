#include "isogloss/report_advice.h"
#include "text.h"

void isg_report_advice_text(const isg_advice_list *list, FILE *out)
{
    for (size_t i = 0; i < list->n; i++) {
        const isg_advice *a = &list->item[i];
        isg_text_paragraph(out, a->kind == ISG_ADVICE_WARNING ? "warning: " : "note: ", a->text);
    }
}

json_t *isg_report_advice_json(const isg_advice_list *list)
{
    json_t *out = json_array();
    for (size_t i = 0; out && i < list->n; i++) {
        const isg_advice *a = &list->item[i];
        json_t *one = json_pack("{s:s,s:s}", "kind", isg_advice_word(a->kind), "text", a->text);
        if (!json_array_append_new(out, one)) continue;
        json_decref(out);
        return NULL;
    }
    return out;
}
