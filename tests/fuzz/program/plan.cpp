// SPDX-License-Identifier: MIT
#include "plan.hpp"

#include <cstddef>
#include <cstdio>
#include <iterator>
#include <utility>

namespace eddy::fuzz {

namespace {

constexpr int most_operations = 100;
constexpr int most_levels = 8;

/// The operations that a program is made of: those that are about jobs and scopes, and some of the
/// others, or all. Of few, more meet each other.
std::vector<Op> palette(std::uint8_t which) {
    struct Range {
        Op first;
        Op last;
    };
    constexpr Range others[] = {
        {Op::end, Op::repeat},
        {Op::put, Op::shut_queue},
        {Op::send, Op::close_channel},
        {Op::lock, Op::limiter},
        {Op::barrier, Op::latch},
        {Op::broadcast, Op::future_get},
        {Op::event_set, Op::count_wait},
        {Op::select_items, Op::again},
        {Op::write, Op::through_portal},
        {Op::keyed, Op::retried},
    };
    constexpr std::size_t how_many = std::size(others);
    std::vector<Op> ops;
    const auto add = [&ops](Op first, Op last) {
        for (auto op = static_cast<std::uint8_t>(first); op <= static_cast<std::uint8_t>(last);
             ++op) {
            ops.push_back(static_cast<Op>(op));
        }
    };
    if (which % (how_many + 1) == how_many) {
        add(Op::end, static_cast<Op>(static_cast<std::uint8_t>(Op::how_many) - 1));
        return ops;
    }
    for (const Op op : {Op::end,
                        Op::spawn,
                        Op::scope,
                        Op::move_on,
                        Op::group,
                        Op::sleep,
                        Op::yield,
                        Op::cancel_job,
                        Op::cancel_scope}) {
        ops.push_back(op);
    }
    const Range& some = others[which % (how_many + 1)];
    if (some.first != Op::end) {
        add(some.first, some.last);
    } else {
        add(Op::fail_after, Op::repeat);
        add(Op::fail, Op::cancel_group);
    }
    if (some.first == Op::lock) {
        add(Op::condition_wait, Op::condition_wait);
        add(Op::limiter_total, Op::rate);
    } else if (some.first == Op::select_items) {
        add(Op::put, Op::put);
        add(Op::send, Op::send);
        add(Op::semaphore, Op::semaphore);
    }
    return ops;
}

Block parse_block(Bytes& bytes, const std::vector<Op>& ops, int& left, int levels) {
    Block block;
    while (left > 0 && !bytes.empty()) {
        const Op op = ops[bytes.take_u8() % ops.size()];
        if (op == Op::end) {
            break;
        }
        --left;
        Node node{.op = op, .a = bytes.take_u8(), .b = bytes.take_u8()};
        if (op < Op::first_leaf && levels > 0) {
            node.body = parse_block(bytes, ops, left, levels - 1);
            if (op == Op::cleanup) {
                node.second = parse_block(bytes, ops, left, levels - 1);
            }
        }
        block.push_back(std::move(node));
    }
    return block;
}

void print_block(const Block& block, int indent) {
    constexpr const char* names[] = {
#define FUZZ_OP(name) #name,
        FUZZ_OPERATIONS_WITH_BODY(FUZZ_OP) FUZZ_LEAVES(FUZZ_OP)
#undef FUZZ_OP
    };
    for (const Node& node : block) {
        std::fprintf(stderr,
                     "%*s%s %d %d\n",
                     indent,
                     "",
                     names[static_cast<std::size_t>(node.op)],
                     node.a,
                     node.b);
        print_block(node.body, indent + 4);
        if (!node.second.empty()) {
            std::fprintf(stderr, "%*s  and in the end\n", indent, "");
            print_block(node.second, indent + 4);
        }
    }
}

}  // namespace

void print(const Plan& plan) {
    std::fprintf(stderr,
                 "a program%s%s%s, seed %llu\n",
                 plan.offloads ? " with threads" : "",
                 plan.strict ? ", strict" : "",
                 plan.torn ? ", torn" : "",
                 static_cast<unsigned long long>(plan.seed));
    print_block(plan.main, 4);
}

Plan parse(Bytes bytes) {
    Plan plan;
    const std::uint8_t flags = bytes.take_u8();
    plan.offloads = (flags & 1U) != 0;
    plan.strict = (flags & 2U) != 0;
    plan.torn = (flags & 12U) == 4;
    plan.seed = flags;
    const std::vector<Op> ops = palette(bytes.take_u8());
    int left = most_operations;
    while (left > 0 && !bytes.empty()) {  // an end too many ends nothing
        for (Node& node : parse_block(bytes, ops, left, most_levels)) {
            plan.main.push_back(std::move(node));
        }
    }
    return plan;
}

}  // namespace eddy::fuzz
