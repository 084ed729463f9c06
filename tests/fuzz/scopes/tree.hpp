// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "fuzz.hpp"

namespace eddy::fuzz {

/// What a step of a program of scopes does. The first five have steps inside.
enum class Do : std::uint8_t {
    end,
    scope,           // `with_scope`; a: has a timeout, a shield
    fail_after,      //
    group,           // `with_task_group`, what is inside is its body
    child,           // a job in the innermost group around, or in the loop's root
    catch_failures,  //
    sleep,
    yield,
    cancel,        // the scope, group or job of step a
    set_deadline,  // of the scope of step a: from now on, or in the past
    set_shield,    // of the scope of step a
    fail,
    how_many,
};

struct Step;
using Steps = std::vector<Step>;

/// Each runs at most once: what became of it is known by its number.
struct Step {
    Do what = Do::end;
    std::size_t number = 0;
    std::uint8_t a = 0;
    std::uint8_t b = 0;
    Steps inside = {};

    [[nodiscard]] bool has_timeout() const noexcept { return a % 4 != 0; }
    [[nodiscard]] bool has_shield() const noexcept { return a / 4 % 4 == 3; }
    /// No two moments of a program are the same, but by an accident of one in 2^40; zero for some.
    [[nodiscard]] std::int64_t nanoseconds() const noexcept;
};

/// How steps ended, and when.
enum class Way : std::uint8_t { not_run, done, absorbed, cancelled, failed };

struct End {
    Way way = Way::not_run;
    std::int64_t at = 0;
    std::vector<std::size_t> failures = {};  // the numbers of the steps that failed, sorted
    std::int64_t deadline = 0;               // of a sleep: the effective one when it began
    int source = -1;  // of a sleep that was cancelled, or of a scope's cancellation

    friend bool operator==(const End&, const End&) = default;
};
using Ends = std::vector<End>;  // by number

struct Tree {
    Steps main = {};                         // step 0 is the main job
    std::vector<const Step*> steps = {};     // by number, but for 0
    std::vector<std::size_t> jobs = {};      // numbers of children
    std::vector<std::size_t> targets = {};   // numbers of scopes, groups and children
    std::vector<std::size_t> scopes = {};    // numbers of scopes
    std::vector<std::size_t> group_of = {};  // by number: of the innermost group around, or 0

    Tree() = default;
    Tree(const Tree&) = delete;
    Tree& operator=(const Tree&) = delete;
};

/// Any bytes are a program, of at most fifty steps.
void parse(Bytes bytes, Tree& tree);

/// What the model says, when jobs that are ready at the same moment run first in first out.
[[nodiscard]] Ends predict(const Tree& tree);

/// And in the random order with this number, other than 0, as far as that can lead to what was
/// seen.
[[nodiscard]] Ends predict_like(const Tree& tree, std::uint64_t order, const Ends& seen);

/// For who looks at one.
void print(const Tree& tree, const Ends& real, const Ends& expected);

}  // namespace eddy::fuzz
