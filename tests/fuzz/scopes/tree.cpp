// SPDX-License-Identifier: MIT
#include "tree.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace eddy::fuzz {

namespace {

constexpr int most_levels = 7;

std::uint64_t scatter(std::uint64_t x) {
    x += 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31U);
}

Steps parse_steps(Bytes& bytes, std::size_t& left, int levels) {
    Steps steps;
    while (left > 0 && !bytes.empty()) {
        const auto what =
            static_cast<Do>(bytes.take_u8() % static_cast<std::uint8_t>(Do::how_many));
        if (what == Do::end) {
            break;
        }
        --left;
        Step step{.what = what, .a = bytes.take_u8(), .b = bytes.take_u8()};
        if (what < Do::sleep && levels > 0) {
            step.inside = parse_steps(bytes, left, levels - 1);
        }
        steps.push_back(std::move(step));
    }
    return steps;
}

void number(Tree& tree, Steps& steps, std::size_t group) {
    for (Step& step : steps) {
        step.number = tree.steps.size();
        tree.steps.push_back(&step);
        tree.group_of.push_back(group);
        if (step.what == Do::scope) {
            tree.scopes.push_back(step.number);
        }
        if (step.what == Do::child) {
            tree.jobs.push_back(step.number);
        }
        if (step.what == Do::scope || step.what == Do::group || step.what == Do::child) {
            tree.targets.push_back(step.number);
        }
        number(tree, step.inside, step.what == Do::group ? step.number : group);
    }
}

std::string text(const End& end) {
    constexpr const char* ways[] = {"not run", "done", "absorbed", "cancelled", "failed"};
    std::string all = ways[static_cast<std::size_t>(end.way)];
    all += " at " + std::to_string(end.at);
    if (end.deadline != 0) {
        all += ", deadline " + std::to_string(end.deadline);
    }
    if (end.source >= 0) {
        all += ", source " + std::to_string(end.source);
    }
    for (const std::size_t failure : end.failures) {
        all += " !" + std::to_string(failure);
    }
    return all;
}

void print_steps(
    const Tree& tree, const Steps& steps, const Ends& real, const Ends& expected, int indent) {
    constexpr const char* names[] = {"end",
                                     "scope",
                                     "fail_after",
                                     "group",
                                     "child",
                                     "catch",
                                     "sleep",
                                     "yield",
                                     "cancel",
                                     "set_deadline",
                                     "set_shield",
                                     "fail"};
    for (const Step& step : steps) {
        std::fprintf(stderr,
                     "%*s%zu %s %d %d (%lld): %s",
                     indent,
                     "",
                     step.number,
                     names[static_cast<std::size_t>(step.what)],
                     step.a,
                     step.b,
                     static_cast<long long>(step.nanoseconds()),
                     text(real[step.number]).c_str());
        if (real[step.number] != expected[step.number]) {
            std::fprintf(stderr, " BUT EXPECTED %s", text(expected[step.number]).c_str());
        }
        std::fprintf(stderr, "\n");
        print_steps(tree, step.inside, real, expected, indent + 4);
    }
}

}  // namespace

std::int64_t Step::nanoseconds() const noexcept {
    if (b % 16 == 0) {
        return 0;
    }
    constexpr std::uint64_t unit = std::uint64_t{1} << 40U;
    return static_cast<std::int64_t>(unit * (b % 16U) + scatter(number) % unit);
}

void parse(Bytes bytes, Tree& tree) {
    std::size_t left = 50;
    while (left > 0 && !bytes.empty()) {
        for (Step& step : parse_steps(bytes, left, most_levels)) {
            tree.main.push_back(std::move(step));
        }
    }
    tree.steps.push_back(nullptr);
    tree.group_of.push_back(0);
    number(tree, tree.main, 0);
}

void print(const Tree& tree, const Ends& real, const Ends& expected) {
    std::fprintf(stderr, "main job: %s", text(real[0]).c_str());
    std::fprintf(
        stderr, real[0] == expected[0] ? "\n" : " BUT EXPECTED %s\n", text(expected[0]).c_str());
    print_steps(tree, tree.main, real, expected, 4);
}

}  // namespace eddy::fuzz
