// SPDX-License-Identifier: MIT
// What a group of failures says, for trees of any shape.
//
// Laws:
// - it keeps the failures it was given, in order, without null ones; its copies say the same, and
//   asking twice says the same;
// - the text begins with their number and names each failure, as long as there are few, of
//   ordinary length and not too deep; it is never longer than 16 failures of 1,024 bytes make it.
//
// Mistakes: one_more null_counts
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/exception_group.hpp>

#include "fuzz.hpp"

using eddy::ExceptionGroup;
using eddy::fuzz::Bytes;
using eddy::fuzz::planted;

namespace {

constexpr std::size_t most_told = 16;
constexpr std::size_t longest_told = 1024;
constexpr int deepest_told = 8;

/// A failure, and what is known of it.
struct Failure {
    std::exception_ptr error;
    std::size_t leaves = 1;               // failures that are no groups, below
    int depth = 0;                        // groups in groups
    std::vector<std::string> words = {};  // of the leaves
    bool is_long = false;
};

class Builder final {
public:
    explicit Builder(Bytes& input) noexcept : input_(input) {}

    Failure group(int depth) {
        Failure all{.error = nullptr, .leaves = 0, .depth = 1, .words = {}};
        std::vector<std::exception_ptr> given;
        std::vector<std::exception_ptr> kept;
        const std::size_t count = input_.take_u8() % 24U;
        for (std::size_t i = 0; i < count && made_ < 200; ++i) {
            const std::uint8_t what = input_.take_u8();
            if (what % 16 == 0) {
                given.push_back(nullptr);
                continue;
            }
            Failure one = what % 8 == 1 && depth < 12 ? group(depth + 1) : leaf(what);
            given.push_back(one.error);
            kept.push_back(one.error);
            all.leaves += one.leaves;
            all.depth = std::max(all.depth, one.depth + 1);
            all.is_long = all.is_long || one.is_long;
            all.words.insert(all.words.end(), one.words.begin(), one.words.end());
        }
        const ExceptionGroup made(given);
        const std::size_t expected = planted("null_counts") ? given.size() : kept.size();
        FUZZ_REQUIRE(made.exceptions().size() == expected);
        for (std::size_t i = 0; i < kept.size(); ++i) {
            FUZZ_REQUIRE(made.exceptions()[i] == kept[i]);
        }
        if (input_.flag()) {
            check(made, all);  // before the one around it asks
        }
        all.error = std::make_exception_ptr(made);
        return all;
    }

    static void check(const ExceptionGroup& group, const Failure& known) {
        const std::size_t count = group.exceptions().size() + (planted("one_more") ? 1 : 0);
        const std::string_view text = group.what();
        const ExceptionGroup copy = group;
        FUZZ_REQUIRE(text == copy.what());
        FUZZ_REQUIRE(text.starts_with(std::to_string(count) + " failure"));
        // Of each told failure its words, a separator and "..."; of each group a few words.
        FUZZ_REQUIRE(text.size() <= most_told * (longest_told + 8) + 64 * 24);
        if (known.leaves + 8 <= most_told && known.depth <= deepest_told && !known.is_long) {
            for (const std::string& words : known.words) {
                FUZZ_REQUIRE(text.find(words) != std::string_view::npos);
            }
        }
    }

private:
    Failure leaf(std::uint8_t what) {
        ++made_;
        Failure one;
        if (what % 8 == 2) {
            one.error = std::make_exception_ptr(42);  // of no type that could say anything
            return one;
        }
        const auto bytes = input_.take(what / 16U);
        std::string words(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        words = words.c_str();  // as far as `what` can tell
        if (what % 8 == 3) {
            words.append(longest_told, static_cast<char>('a' + what / 16));
            one.is_long = true;
        }
        one.words.push_back(words);
        one.error = std::make_exception_ptr(std::runtime_error(words));
        return one;
    }

    Bytes& input_;
    std::size_t made_ = 0;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes input(data, size);
    Builder builder(input);
    const Failure all = builder.group(0);
    try {
        std::rethrow_exception(all.error);
    } catch (const ExceptionGroup& group) {
        Builder::check(group, all);
    }
    return 0;
}
