// Passes on variables of the module's own environment.
//
// ALLOW names those that are passed on, "LANG,LC_*"; without it all are, but ALLOW and DENY themselves. DENY names those
// that are not, whatever ALLOW says. A name ends in `*` for all that begin with what is before it.
#include "base.h"

// Whether a list has a name; `*` at the end of one stands for any rest.
static bool names(const char *list, const char *name, uint32_t len) {
    while (*list != 0) {
        uint32_t end = 0;
        while (list[end] != 0 && list[end] != ',') end++;
        bool open = end != 0 && list[end - 1] == '*';
        uint32_t fixed = open ? end - 1 : end;
        if (end != 0 && (open ? len >= fixed : len == fixed) && same(list, name, fixed)) return true;
        list += end + (list[end] == ',');
    }
    return false;
}

virt_variables *virt_env_variables(void) {
    static virt_variables result;
    call_begins();
    const char *allow = setting("ALLOW"), *deny = setting("DENY");
    uint32_t count = 0;
    while (environment()[count] != NULL) count++;
    virt_variable *variables = arena_new(count * (uint32_t)sizeof *variables);
    result = (virt_variables){variables, 0};
    if (variables == NULL) return &result;
    for (char **variable = environment(); *variable != NULL; variable++) {
        const char *name = *variable;
        uint32_t len = 0, all = length(name);
        while (name[len] != 0 && name[len] != '=') len++;
        if (len == 0 || len == all || !is_text(name, all)) continue;
        if (names("ALLOW,DENY", name, len) || (allow != NULL && !names(allow, name, len))) continue;
        if (deny != NULL && names(deny, name, len)) continue;
        variables[result.len++] = (virt_variable){{name, len}, {name + len + 1, all - len - 1}};
    }
    return &result;
}
