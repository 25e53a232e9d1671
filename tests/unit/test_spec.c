/* Campaign files as text: the tree, values, and the field table itself. */
#include "campaign/build.h"
#include "check.h"
#include "isogloss/spec.h"

#include <regex.h>
#include <stdlib.h>

static void test_values(void)
{
    static const struct {
        const char *text;
        bool good;
        uint64_t value;
    } counts[] = {{"0", true, 0},          {"250k", true, 250000},
                  {"1.5M", true, 1500000}, {"0.1k", true, 100},
                  {"16Ki", true, 16384},   {"2G", true, 2000000000},
                  {"1e6", true, 1000000},  {"18446744073709551615", false, 0},
                  {"1.5", false, 0},       {"1.0001k", false, 0},
                  {"k", false, 0},         {"1 k", false, 0},
                  {"1K", false, 0},        {"-1", false, 0},
                  {"", false, 0}};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        isg_node node = {.kind = ISG_NODE_SCALAR, .text = counts[i].text};
        uint64_t v = 0;
        CHECK(isg_value_count(&node, &v) == counts[i].good);
        if (counts[i].good) CHECK_EQ_U64(v, counts[i].value);
    }
    static const struct {
        const char *text;
        double seconds; /* -1: none */
    } times[] = {{"90s", 90}, {"30m", 1800}, {"4h", 14400}, {"2d", 172800}, {"0.5h", 1800},
                 {"7", 7},    {"off", 0},    {"4w", -1},    {"h", -1}};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        isg_node node = {.kind = ISG_NODE_SCALAR, .text = times[i].text};
        double v = -1;
        CHECK(isg_value_time(&node, &v) == (times[i].seconds >= 0));
        if (times[i].seconds >= 0) CHECK_NEAR(v, times[i].seconds, 0);
    }
}

static void test_budgets(void)
{
    isg_shape shape = {.layers = 1, .d = 32, .heads = 1, .context = 128, .vocab = 256};
    isg_shape_count(&shape);
    static const struct {
        const char *text;
        uint64_t tokens; /* 0: refused */
    } rows[] = {{"4M", 4000000},
                {"20x", 245760},
                {"0.5x", 6144},
                {"max(1M, 20x)", 1000000},
                {"max(1k,20x,2k)", 245760},
                {"min( 1M , 20x )", 245760},
                {"max(1M", 0},
                {"0", 0},
                {"0x", 0},
                {"1e18x", 0},
                {"max()", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        isg_node node = {.kind = ISG_NODE_SCALAR, .text = rows[i].text};
        isg_diag diag = {.file = "f"};
        uint64_t tokens = 0;
        CHECK(isg_budget_tokens(&node, false, &shape, &diag, &tokens) == (rows[i].tokens > 0));
        CHECK_EQ_U64(diag.n, rows[i].tokens == 0);
        if (rows[i].tokens) CHECK_EQ_U64(tokens, rows[i].tokens);
        isg_str_free(&diag.text);
    }
}

static void test_tree(void)
{
    static const char text[] = "a: 1\n# c\nlist:\n  - x\n  - {k: 'no', l: no}\n";
    isg_arena arena = {0};
    isg_node *top = NULL;
    CHECK_OK(isg_node_parse(text, sizeof text - 1, "t", &arena, &top));
    const isg_node *list = isg_node_get(top, "list");
    CHECK(list && list->n == 2);
    if (list && list->n == 2) {
        const isg_node *k = isg_node_get(list->item[1], "k");
        CHECK(k && k->quoted && k->line == 5 && k->column == 9);
        CHECK_STR(isg_node_get(list->item[1], "l")->text, "no");
    }
    isg_arena_free(&arena);

    static const struct {
        const char *text, *says;
    } bad[] = {{"", "empty"},
               {"a: [", "t:2:1"},
               {"a: 1\na: 2\n", "t:2:1: key 'a' is given twice"},
               {"a: *x\n", "aliases"},
               {"a: &x 1\n", "anchors"},
               {"a: !!str 1\n", "tags"},
               {"a: 1\n---\nb: 1\n", "second document"},
               {"[1]: 2\n", "plain word"},
               {"a: \xff\n", "UTF-8"},
               {"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "t:1:17: nested deeper than 16"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_FAILS(isg_node_parse(bad[i].text, strlen(bad[i].text), "t", &arena, &top), ISG_ESPEC,
                    bad[i].says);
        isg_arena_free(&arena);
    }
}

/* Promises that every row of the table keeps. */
static void test_table(void)
{
    for (const isg_field *f = isg_fields; f->key; f++) {
        regex_t re;
        isg_diag diag = {.file = f->key};
        bool known = false;
        for (const isg_section *s = isg_sections; s->name; s++)
            known = known || !strcmp(s->name, f->section);
        CHECK(known);
        CHECK(isg_field_find(f->section, f->key) == f); /* no key twice */
        CHECK(f->help && f->help[0] && f->help[strlen(f->help) - 1] == '.');
        CHECK((f->type == ISG_F_CHOICE) == (f->choices != NULL));
        CHECK(f->type != ISG_F_NONE || f->sub);
        const char *pattern = isg_ftypes[f->type].pattern;
        if (pattern) {
            CHECK(regcomp(&re, pattern, REG_EXTENDED) == 0);
            regfree(&re);
        }
        if (f->def && f->arity == ISG_ONE) { /* a default is a value one could write */
            isg_node value = {.kind = ISG_NODE_SCALAR, .text = f->def, .quoted = !*f->def};
            isg_node key = {.kind = ISG_NODE_SCALAR, .text = f->key}, *keys[] = {&key},
                     *values[] = {&value};
            isg_node map = {.kind = ISG_NODE_MAP, .n = 1, .key = keys, .item = values};
            isg_field_check(&map, f->section, true, &diag);
            const char *found = strstr(isg_str_c(&diag.text), "found");
            if (found) fprintf(stderr, "%s.%s: %s\n", f->section, f->key, isg_str_c(&diag.text));
            CHECK(!found);
        }
        isg_str_free(&diag.text);
    }
}

static void test_schema(void)
{
    json_t *schema = NULL;
    CHECK_OK(isg_spec_schema(&schema));
    json_t *defs = json_object_get(schema, "$defs");
    for (const isg_section *s = isg_sections; s->name; s++) {
        if (*s->name) CHECK(json_object_get(defs, s->name) != NULL);
    }
    json_decref(schema);
    CHECK_OK(isg_spec_check_shape(
        "{isogloss: 1, name: x, corpus: y, trainer: {kind: proxy}, families: [{name: a}]}", "t"));
    CHECK_FAILS(isg_spec_check_shape("{isogloss: 1}", "t"), ISG_ESPEC,
                "t:1:1: key 'name' is missing");
}

int main(void)
{
    test_values();
    test_budgets();
    test_tree();
    test_table();
    test_schema();
    return check_done();
}
