// SPDX-License-Identifier: MIT
#include <deque>
#include <vector>

#include <eddy/testing/wait_matrix.hpp>

#include "descriptor_kit.hpp"

// The three waits of a descriptor in the matrix, adopted and borrowed. It waits on one fixture from
// two jobs at once, but each wait has one place: so each has a pipe of its own, and `complete`
// serves all.

namespace {

using namespace eddy::testing;
using eddy::Descriptor;
using eddy::Task;

enum class End { reader, writer };

template <bool adopts, End end>
struct PipesFixture {
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = false;

    explicit PipesFixture(VirtualClock&) {}

    Task<> prepare() {
        for (int i = 0; i < 3; ++i) {
            RawPipe& pipe = pipes.emplace_back();
            Raw& watched = end == End::reader ? pipe.reader : pipe.writer;
            if (end == End::writer) {
                pipe.fill();
            }
            watches.push_back(watch(watched, adopts));
        }
        co_return;
    }
    [[nodiscard]] bool intact() const {
        bool idle = true;
        for (const Descriptor& each : watches) {
            idle =
                idle && nobody_waits(each) && (adopts || !is_in_an_epoll_set(each.native_handle()));
        }
        return idle;
    }
    [[nodiscard]] Descriptor& one_of_two() { return watches[next++ % 2]; }
    [[nodiscard]] Descriptor& third() { return watches[2]; }

    std::vector<Descriptor> watches;  // of the pipes below, which they do not touch in the end
    std::deque<RawPipe> pipes;
    std::size_t next = 0;
};

template <bool adopts>
struct ReadableFixture : PipesFixture<adopts, End::reader> {
    using PipesFixture<adopts, End::reader>::PipesFixture;
    auto operation() { return this->watches[0].readable(); }
    Task<> wait() { return wait_readable(this->one_of_two()); }
    Task<> wait_again() { return wait_readable(this->third()); }
    void complete() {
        for (const RawPipe& each : this->pipes) {
            each.write("x");
        }
    }
};
using AdoptedReadable = ReadableFixture<true>;
using BorrowedReadable = ReadableFixture<false>;

EDDY_WAIT_MATRIX("Descriptor::readable, adopted", AdoptedReadable)
EDDY_WAIT_MATRIX("Descriptor::readable, borrowed", BorrowedReadable)

template <bool adopts>
struct WritableFixture : PipesFixture<adopts, End::writer> {
    using PipesFixture<adopts, End::writer>::PipesFixture;
    auto operation() { return this->watches[0].writable(); }
    Task<> wait() { return wait_writable(this->one_of_two()); }
    Task<> wait_again() { return wait_writable(this->third()); }
    void complete() {
        for (const RawPipe& each : this->pipes) {
            static_cast<void>(each.read(65536));
        }
    }
};
using AdoptedWritable = WritableFixture<true>;
using BorrowedWritable = WritableFixture<false>;

EDDY_WAIT_MATRIX("Descriptor::writable, adopted", AdoptedWritable)
EDDY_WAIT_MATRIX("Descriptor::writable, borrowed", BorrowedWritable)

template <bool adopts>
struct HangUpFixture : PipesFixture<adopts, End::reader> {
    using PipesFixture<adopts, End::reader>::PipesFixture;
    Task<> prepare() {
        co_await PipesFixture<adopts, End::reader>::prepare();
        for (const RawPipe& each : this->pipes) {
            each.write("nobody reads this");
        }
    }
    auto operation() { return this->watches[0].hang_up(); }
    Task<> wait() { return wait_hang_up(this->one_of_two()); }
    Task<> wait_again() { return wait_hang_up(this->third()); }
    void complete() {
        for (RawPipe& each : this->pipes) {
            each.close_writer();
        }
    }
};
using AdoptedHangUp = HangUpFixture<true>;
using BorrowedHangUp = HangUpFixture<false>;

EDDY_WAIT_MATRIX("Descriptor::hang_up, adopted", AdoptedHangUp)
EDDY_WAIT_MATRIX("Descriptor::hang_up, borrowed", BorrowedHangUp)

}  // namespace
