// What Clang compiles in the C++ case: reads words and tells which are the most frequent.
#include <algorithm>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <ranges>
#include <string>
#include <variant>
#include <vector>

template <typename... Ts> struct Overloaded : Ts... { using Ts::operator()...; };
template <typename... Ts> Overloaded(Ts...) -> Overloaded<Ts...>;

constexpr auto primes = [] {
    std::array<int, 8> found{};
    for (int number = 2, count = 0; count < 8; ++number)
        if (std::none_of(found.begin(), found.begin() + count, [&](int prime) { return number % prime == 0; }))
            found[count++] = number;
    return found;
}();
static_assert(primes[7] == 19);

int main(int count, char **words) {
    std::map<std::string, int> seen;
    for (std::string word; std::cin >> word;) ++seen[word];
    std::vector<std::pair<std::string, int>> order(seen.begin(), seen.end());
    std::ranges::stable_sort(order, std::greater{}, &std::pair<std::string, int>::second);
    for (const auto &[word, times] : order | std::views::take(3))
        std::cout << std::left << std::setw(6) << word << times << '\n';
    std::cout << std::accumulate(primes.begin(), primes.end(), 0) << '\n';
    auto shared = std::make_shared<std::variant<int, std::string>>(std::string(count > 1 ? words[1] : "none"));
    std::visit(Overloaded{[](int) { std::cout << "number\n"; },
                          [](const std::string &text) { std::cout << text << " of " << text.size() << '\n'; }},
               *shared);
    std::cout << std::hexfloat << 0.1 << std::defaultfloat << ' ' << std::setprecision(17) << 0.1 << std::endl;
}
