// SPDX-License-Identifier: MIT
#include <eddy/detail/scope_node.hpp>

#include <doctest/doctest.h>

#include "broken_contract.hpp"

namespace {

using eddy::detail::InnerScope;

}  // namespace

TEST_CASE("a scope takes on what it enters, and keeps what it was when it leaves") {
    InnerScope outer;
    InnerScope inner;
    InnerScope beside;
    inner.enter(outer, nullptr);
    beside.enter(outer, nullptr);
    outer.cancel(eddy::CancelSource::explicit_call, {});
    CHECK(inner.effective);
    CHECK(beside.effective);
    inner.set_shield(true);
    CHECK_FALSE(inner.effective);
    beside.leave();
    CHECK(beside.effective);
    inner.leave();
    outer.check_invariants();
    CHECK(outer.first_child == nullptr);
}

#ifndef NDEBUG
TEST_CASE("in a debug build, the change that finds an invariant broken ends the program") {
    eddy::testing::check_aborts("this is a defect of Eddy", [] {
        InnerScope outer;
        InnerScope inner;
        inner.enter(outer, nullptr);
        inner.effective = true;  // and nobody is cancelled
        outer.set_shield(true);
    });
    eddy::testing::check_aborts("this is a defect of Eddy", [] {
        InnerScope outer;
        InnerScope inner;
        InnerScope beside;
        inner.enter(outer, nullptr);
        beside.enter(outer, nullptr);
        inner.prev = nullptr;
        inner.leave();
    });
}
#endif
