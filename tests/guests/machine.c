// A compiler for arithmetic into bytecode and the machine that runs it: dense switches.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum { PUSH, LOAD, STORE, ADD, SUB, MUL, DIV, NEG, LESS, JUMP, BRANCH, PRINT, STOP, OPS };

static int code[400], used;
static long long variables[26], counts[OPS];
static const char *at;

static void emit(int op) { code[used++] = op; }
static void emit2(int op, int operand) { emit(op), emit(operand); }
static void blanks(void) {
    while (isspace((unsigned char)*at))
        at++;
}

static void expression(void);

static void factor(void) {
    blanks();
    if (isdigit((unsigned char)*at)) {
        emit2(PUSH, (int)strtol(at, (char **)&at, 10));
    } else if (islower((unsigned char)*at)) {
        emit2(LOAD, *at++ - 'a');
    } else if (*at == '-') {
        at++, factor(), emit(NEG);
    } else if (*at == '(') {
        at++, expression(), blanks();
        if (*at++ != ')')
            exit(3);
    } else {
        printf("unexpected '%c'\n", *at);
        exit(2);
    }
    blanks();
}
static void term(void) {
    for (factor(); *at == '*' || *at == '/';) {
        int op = *at++ == '*' ? MUL : DIV;
        factor(), emit(op);
    }
}
static void expression(void) {
    for (term(); *at == '+' || *at == '-';) {
        int op = *at++ == '+' ? ADD : SUB;
        term(), emit(op);
    }
    if (*at == '<')
        at++, expression(), emit(LESS);
}
// "a = 1;" assigns, "? a < b { ... }" repeats while true, "! a;" prints.
static void statements(void) {
    for (blanks(); *at && *at != '}'; blanks()) {
        if (*at == '!') {
            at++, expression(), emit(PRINT), at++;
        } else if (*at == '?') {
            int top = used, end;
            at++, expression(), emit2(BRANCH, 0);
            end = used - 1;
            at++, statements(), at++;
            emit2(JUMP, top);
            code[end] = used;
        } else {
            int name = *at++ - 'a';
            blanks(), at++, expression(), emit2(STORE, name), at++;
        }
    }
}

static void run(void) {
    long long stack[64];
    int top = 0;
    for (int pc = 0;;) {
        int op = code[pc++];
        counts[op]++;
        switch (op) {
        case PUSH: stack[top++] = code[pc++]; break;
        case LOAD: stack[top++] = variables[code[pc++]]; break;
        case STORE: variables[code[pc++]] = stack[--top]; break;
        case ADD: top--, stack[top - 1] += stack[top]; break;
        case SUB: top--, stack[top - 1] -= stack[top]; break;
        case MUL: top--, stack[top - 1] *= stack[top]; break;
        case DIV: top--, stack[top - 1] /= stack[top]; break;
        case NEG: stack[top - 1] = -stack[top - 1]; break;
        case LESS: top--, stack[top - 1] = stack[top - 1] < stack[top]; break;
        case JUMP: pc = code[pc]; break;
        case BRANCH: pc = stack[--top] ? pc + 1 : code[pc]; break;
        case PRINT: printf("%lld\n", stack[--top]); break;
        case STOP: return;
        default: printf("bad operation %d\n", op); exit(4);
        }
    }
}

int main(void) {
    at = "a = 0; b = 1; n = 0; ? n < 40 { t = a + b; a = b; b = t; n = n + 1; } ! a;"
         "s = 0; i = 1; ? i < 2001 { s = s + i * i - i / 3; i = i + 1; } ! s; ! -(3 + 4) * 2 - 10 / (1 + 2);"
         "k = 2; c = 0; ? k < 500 { d = 2; p = 1; ? d * d < k + 1 { q = k / d * d; p = p * (q < k); d = d + 1; }"
         "c = c + p; k = k + 1; } ! c;";
    statements();
    emit(STOP);
    run();
    for (int op = 0; op < OPS; op++)
        printf("%lld%c", counts[op], op + 1 < OPS ? ' ' : '\n');
    return 0;
}
