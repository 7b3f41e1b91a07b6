// Exceptions of C++ in every way that they go: what it prints is the same for every target. Nothing here throws from
// within the standard library's own object files, which WebAssembly's may have without exceptions.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <utility>
#include <variant>
#include <vector>

static int depth;
static int alive;

struct Guard {
    explicit Guard(const char *name) : name(name) {
        ++alive;
        std::printf("%*s+ %s\n", depth++ * 2, "", name);
    }
    ~Guard() {
        --alive;
        std::printf("%*s- %s (%d on the way)\n", --depth * 2, "", name, std::uncaught_exceptions());
    }
    Guard(const Guard &) = delete;
    const char *name;
};

static void section(const char *name) { std::printf("== %s, %d alive\n", name, alive); }

struct Base {
    virtual ~Base() = default;
    virtual const char *what() const { return "base"; }
};
struct Other {
    virtual ~Other() = default;
    long other = 0x1234567;
};
struct Derived : Base {
    const char *what() const override { return "derived"; }
};
struct Both : Other, virtual Derived {
    explicit Both(int n) : n(n) {}
    const char *what() const override { return "both"; }
    int n;
};

[[gnu::noinline]] static void throw_kind(int kind) {
    Guard guard("throw_kind");
    switch (kind) {
    case 0: throw 42;
    case 1: throw 2.5;
    case 2: throw "text";
    case 3: throw Derived();
    case 4: throw Both(7);
    case 5: throw std::out_of_range("out of range");
    case 6: throw std::make_unique<int>(99);
    case 7: throw static_cast<int64_t>(1) << 40;
    case 8: throw std::vector<std::string>{"a", std::string(100, 'b')};
    case 9: throw static_cast<Derived *>(nullptr);
    case 10: throw &throw_kind;
    default: return;
    }
}

static std::string caught(int kind) {
    try {
        throw_kind(kind);
    } catch (int n) {
        return "int " + std::to_string(n);
    } catch (double d) {
        return d == 2.5 ? "double" : "another double";
    } catch (const char *text) {
        return text;
    } catch (Other &other) {
        auto *both = dynamic_cast<Both *>(&other);
        auto *base = dynamic_cast<Base *>(&other);
        return "other " + std::string(both ? both->what() : "?") + (base ? base->what() : "?") +
               std::to_string(both->n) + std::to_string(other.other) + (typeid(other) == typeid(Both) ? "=" : "!");
    } catch (Base &base) {
        return base.what();
    } catch (std::exception &error) {
        return error.what();
    } catch (std::unique_ptr<int> &p) {
        return "unique " + std::to_string(*p);
    } catch (std::vector<std::string> list) {
        return list[0] + list[1].substr(97);
    } catch (Base *p) {
        return p ? "pointer" : "null pointer";
    } catch (void (*)(int)) {
        return "function";
    } catch (...) {
        return "anything";
    }
    return "nothing";
}

[[gnu::noinline]] static void nested(int level) {
    Guard guard("nested");
    try {
        if (level == 0) throw std::runtime_error("innermost");
        nested(level - 1);
    } catch (std::exception &error) {
        std::throw_with_nested(std::runtime_error("level " + std::to_string(level)));
    }
}

static void print_nested(const std::exception &error) {
    std::printf("%s\n", error.what());
    try {
        std::rethrow_if_nested(error);
    } catch (const std::exception &inner) {
        print_nested(inner);
    }
}

struct ThrowsHalfway {
    Guard first{"first member"};
    Guard second{"second member"};
    ThrowsHalfway() : third(fail()) {}
    static const char *fail() { throw std::logic_error("halfway"); }
    Guard third;
};

// A function whose body, with its initialisers, is tried.
struct Tried : Base {
    Guard guard;
    Tried() try : guard("tried") {
        throw 5;
    } catch (int n) {
        std::printf("constructor's handler: %d\n", n);
    }
};

struct Element {
    static int count;
    int number = ++count;
    Element() {
        if (number == 4) throw std::string("element 4");
        std::printf("element %d\n", number);
    }
    ~Element() { std::printf("~element %d\n", number); }
};
int Element::count;

static int finally_order(int n) {
    Guard guard("finally");
    for (int i = 0;; i++) {
        Guard inner("loop");
        try {
            if (i == n) return i * 10;
            if (i % 2) throw i;
            continue;
        } catch (int thrown) {
            if (thrown == 3) break;
        }
    }
    return -1;
}

struct ThrowsInDestructor {
    ~ThrowsInDestructor() noexcept(false) { throw std::string("from a destructor"); }
};

[[gnu::noinline]] static int no_more(int n) noexcept(false) {
    if (n == 0) throw n;
    int local[8] = {n, n + 1};
    int result = no_more(n - 1) + local[n % 8];
    return result;
}

static uint32_t state = 12345;
static uint32_t next_random() { return state = state * 1664525u + 1013904223u, state >> 16; }

// A parser and evaluator that reports errors by throwing, over many expressions.
struct Parser {
    const char *at;
    struct Error : std::runtime_error {
        using std::runtime_error::runtime_error;
    };
    long long sum() {
        long long value = product();
        while (*at == '+' || *at == '-') {
            char op = *at++;
            long long right = product();
            value = op == '+' ? value + right : value - right;
        }
        return value;
    }
    long long product() {
        long long value = factor();
        while (*at == '*' || *at == '/') {
            char op = *at++;
            long long right = factor();
            if (op == '/' && right == 0) throw std::domain_error("division by zero");
            value = op == '*' ? value * right % 1000003 : value / right;
        }
        return value;
    }
    long long factor() {
        if (*at == '(') {
            std::string held(at, std::min<size_t>(std::strlen(at), 20));
            ++at;
            long long value = sum();
            if (*at != ')') throw Error("no ) at the end of " + held);
            ++at;
            return value;
        }
        if (*at < '0' || *at > '9') throw Error(std::string("unexpected ") + (*at ? *at : '$'));
        long long value = 0;
        while (*at >= '0' && *at <= '9') value = value * 10 + (*at++ - '0');
        return value;
    }
};

static void many() {
    std::map<std::string, int> outcomes;
    long long total = 0;
    for (int i = 0; i < 20000; i++) {
        std::string text;
        int length = 1 + next_random() % 24;
        for (int j = 0; j < length; j++) text += "0123456789+-*/()("[next_random() % 17];
        try {
            Parser parser{text.c_str()};
            total += parser.sum();
            outcomes[*parser.at ? "rest" : "whole"]++;
        } catch (const Parser::Error &error) {
            outcomes[std::string(error.what()).substr(0, 12)]++;
        } catch (const std::domain_error &error) {
            outcomes[error.what()]++;
        }
    }
    for (auto &[outcome, count] : outcomes) std::printf("%s: %d\n", outcome.c_str(), count);
    std::printf("total %lld\n", total);
}

int main(int argc, char **argv) {
    section("kinds");
    for (int kind = 0; kind <= 11; kind++) std::printf("%s\n", caught(kind).c_str());

    section("nested");
    try {
        nested(3);
    } catch (const std::exception &error) {
        print_nested(error);
    }

    section("rethrow");
    try {
        Guard outer("outer");
        try {
            Guard inner("inner");
            throw Both(1);
        } catch (Base &base) {
            dynamic_cast<Both &>(base).n += 1;
            try {
                throw;
            } catch (Both &both) {
                both.n *= 10;
                throw;
            }
        }
    } catch (Both &both) {
        std::printf("n is %d\n", both.n);
    }
    try {
        dynamic_cast<Both &>(static_cast<Base &>(*std::make_unique<Derived>()));
    } catch (std::bad_cast &) {
        std::puts("bad cast");
    }
    try {
        Base *none = argc > 100 ? new Derived : nullptr;
        std::puts(typeid(*none).name());
    } catch (std::bad_typeid &) {
        std::puts("bad typeid");
    }

    section("constructors");
    try {
        ThrowsHalfway object;
    } catch (std::logic_error &error) {
        std::puts(error.what());
    }
    try {
        Tried object;
    } catch (int n) {
        std::printf("and outside: %d\n", n);
    }
    try {
        Element elements[6];
    } catch (std::string &text) {
        std::puts(text.c_str());
    }
    try {
        std::unique_ptr<Element[]> elements(new Element[3]);
        Element::count = 2;
        std::unique_ptr<Element[]> others(new Element[3]);
    } catch (std::string &text) {
        std::puts(text.c_str());
    }

    section("ways out");
    for (int n : {0, 2, 9}) std::printf("%d\n", finally_order(n));
    try {
        Guard guard("before");
        ThrowsInDestructor object;
    } catch (std::string &text) {
        std::puts(text.c_str());
    }
    int sum = 0;
    for (int i = 0; i < 300; i++) {
        try {
            sum += no_more(i);
        } catch (int n) {
            sum += i;
        }
    }
    std::printf("%d\n", sum);

    section("kept");
    std::exception_ptr kept;
    try {
        throw std::out_of_range("kept for later");
    } catch (...) {
        kept = std::current_exception();
    }
    for (int i = 0; i < 2; i++) {
        try {
            std::rethrow_exception(kept);
        } catch (std::logic_error &error) {
            std::printf("%s %d\n", error.what(), kept == std::current_exception());
        }
    }
    auto made = std::make_exception_ptr(std::string("made"));
    try {
        std::rethrow_exception(made);
    } catch (std::string &text) {
        std::puts(text.c_str());
    }

    section("standard library");
    try {
        std::vector<int> v(3);
        (void)v.at(static_cast<size_t>(argc) + 6);
    } catch (std::out_of_range &) {
        std::puts("vector: out of range");
    }
    try {
        std::map<int, int> map;
        (void)map.at(1);
    } catch (std::out_of_range &) {
        std::puts("map: out of range");
    }
    try {
        std::function<int()> empty;
        empty();
    } catch (std::bad_function_call &) {
        std::puts("function: bad call");
    }
    try {
        std::variant<int, std::string> value = 1;
        (void)std::get<std::string>(value);
    } catch (std::bad_variant_access &) {
        std::puts("variant: bad access");
    }
    try {
        std::optional<int> none;
        (void)none.value();
    } catch (std::bad_optional_access &) {
        std::puts("optional: bad access");
    }
    try {
        std::vector<int> list(1000);
        std::iota(list.begin(), list.end(), 0);
        int comparisons = 0;
        std::sort(list.begin(), list.end(), [&](int a, int b) {
            if (++comparisons == 100) throw comparisons;
            return a > b;
        });
    } catch (int n) {
        std::printf("sort: after %d\n", n);
    }

    section("many");
    many();

    section("end");
    if (argc > 1 && !std::strcmp(argv[1], "uncaught")) {
        std::set_terminate([] {
            std::puts("terminating");
            std::fflush(stdout);
            std::_Exit(3);
        });
        std::fflush(stdout);
        throw 1;
    }
    if (argc > 1 && !std::strcmp(argv[1], "noexcept")) {
        std::set_terminate([] {
            std::puts("terminating");
            std::fflush(stdout);
            std::_Exit(4);
        });
        [&]() noexcept { throw_kind(argc - 2); }();
    }
    return 0;
}
