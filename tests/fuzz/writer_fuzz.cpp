// SPDX-License-Identifier: MIT
// A buffered writer whose jobs write, flush, change their minds and are cancelled, over a stream
// that takes as much as its reader lets it.
//
// Laws:
// - what comes out is the messages that were accepted, whole and in the order of their acceptance;
//   all of them after a shutdown, and a beginning and no orderly end if the writer was dropped;
// - a write that was cancelled, or lost its select, has left nothing; writes that wait are accepted
//   in the order in which they came;
// - when a flush returns, the stream has taken what was accepted before it began;
// - no more than the limit is buffered, or one message alone.
//
// Mistakes: cancelled_is_kept flush_is_early overtakes
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/net/buffered_writer.hpp>
#include <eddy/run.hpp>
#include <eddy/scope.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "fuzz.hpp"
#include "pieces.hpp"

namespace {

using eddy::Task;
using eddy::fuzz::Bytes;
using eddy::fuzz::planted;
using eddy::testing::MemoryStream;
using Writer = eddy::BufferedWriter<MemoryStream>;

/// One write or flush, in a job of its own.
struct Job {
    explicit Job(std::string text) : message(std::move(text)) {}
    std::string message;
    bool passed_over = false;  // by one that came later
    eddy::CancelScope scope;
    std::optional<eddy::JoinHandle<bool>> handle;
};

class World final {
public:
    explicit World(Bytes& input)
        : input_(input),
          limit_(1 + input.take_u8() % 64U),
          streams_(eddy::testing::memory_stream_pair(
              {.capacity = 1 + input.take_u8() % 64U, .seed = input.take_u8()})),
          writer_(std::in_place, streams_.first, limit_) {}

    Task<> run() {
        for (int step = 0; step < 200 && !input_.empty(); ++step) {
            co_await one_step();
            FUZZ_REQUIRE(writer_->buffered() <= limit_ || largest_ > limit_);
        }
        input_.flag() ? co_await end_well() : co_await drop();
    }

private:
    Task<> one_step() {
        const std::uint8_t what = input_.take_u8();
        switch (what % 8) {
            case 0:
            case 1:
                co_await begin_write(what / 8U);
                break;
            case 2:
                begin_flush();
                break;
            case 3:
                try_write(what / 8U);
                break;
            case 4:
                if (!jobs_.empty()) {
                    jobs_[input_.pick_index(jobs_.size())]->scope.cancel();
                }
                break;
            case 5:
                read(1 + what / 8U);
                break;
            case 6:
                co_await eddy::testing::settle();
                break;
            default:
                co_await eddy::yield();
                break;
        }
    }

    std::string next_message(std::size_t length) {
        const std::string number = std::to_string(numbered_++);
        std::string text = "<" + number + std::string(length, '.') + ">";
        largest_ = std::max(largest_, text.size());
        return text;
    }
    Job& add(std::string text = {}) {
        return *jobs_.emplace_back(std::make_unique<Job>(std::move(text)));
    }

    /// Comes to its wait before the next step, so that the order of arrival is known.
    Task<> begin_write(unsigned how) {
        Job& job = add(next_message(how % 8U * 5));
        job.handle = eddy::spawn(eddy::with_scope(job.scope, write(*this, job, how % 16U > 11U)));
        co_await eddy::yield();
        co_await eddy::yield();
    }
    static Task<> write(World& world, Job& job, bool selects) {
        try {
            world.line_.push_back(&job);
            bool written = true;
            if (selects) {
                const auto got =
                    co_await eddy::select(world.writer_->write(std::string_view(job.message)),
                                          eddy::sleep_for(std::chrono::milliseconds(1)));
                written = got.index() == 0;
            } else {
                co_await world.writer_->write(std::string_view(job.message));
            }
            if (written || planted("cancelled_is_kept")) {
                world.accepted(job);
            } else {
                std::erase(world.line_, &job);
            }
        } catch (...) {
            std::erase(world.line_, &job);
            if (planted("cancelled_is_kept")) {
                world.expected_ += job.message;
            }
            throw;
        }
    }
    /// Its message is in the buffer: nobody who still waits was before it. Who was cancelled may
    /// not have run yet.
    void accepted(Job& job) {
        if (planted("overtakes") && line_.size() > 1) {
            line_.front()->passed_over = true;
        }
        FUZZ_REQUIRE(!job.passed_over);
        while (!line_.empty() && line_.front() != &job) {
            line_.front()->passed_over = true;
            line_.pop_front();
        }
        FUZZ_REQUIRE(!line_.empty());
        line_.pop_front();
        expected_ += job.message;
    }
    void begin_flush() {
        Job& job = add();
        job.handle = eddy::spawn(eddy::with_scope(job.scope, flush(*this)));
    }
    static Task<> flush(World& world) {
        const std::size_t before = world.expected_.size();
        co_await world.writer_->flush();
        const std::size_t early = planted("flush_is_early") ? 1 : 0;
        FUZZ_REQUIRE(world.taken() >= before + early);
    }
    void try_write(unsigned how) {
        std::string text = next_message(how % 8U * 5);
        const bool waits = writer_->statistics().waiting != 0;
        const bool written = writer_->try_write(text);
        FUZZ_REQUIRE(!written || !waits);
        if (written) {
            expected_ += text;
        }
    }

    /// What the stream has.
    [[nodiscard]] std::size_t taken() const { return got_.size() + streams_.second.readable(); }

    void read(std::size_t length) {
        std::array<std::byte, 64> buffer{};
        auto read = streams_.second.read_some(std::span(buffer).first(length));
        if (streams_.second.readable() != 0 && read.try_now()) {
            got_ += eddy::fuzz::as_text(std::span(buffer).first(read.take()));
        }
    }

    Task<> end_jobs() {
        for (const auto& job : jobs_) {
            static_cast<void>(co_await *job->handle);
        }
    }
    Task<> end_well() {
        auto shutdown = eddy::spawn([](Writer& writer) -> Task<> {
            co_await eddy::testing::settle();  // behind those who wait
            co_await writer.shutdown();
        }(*writer_));
        std::array<std::byte, 64> buffer{};
        while (true) {
            co_await streams_.second.wait_readable();  // so that nothing is on its way to `got_`
            auto read = streams_.second.read_some(buffer);
            FUZZ_REQUIRE(read.try_now());
            const std::size_t length = read.take();
            if (length == 0) {
                break;
            }
            got_ += eddy::fuzz::as_text(std::span(buffer).first(length));
        }
        co_await shutdown;
        co_await end_jobs();
        FUZZ_REQUIRE(got_ == expected_);
    }
    Task<> drop() {
        for (const auto& job : jobs_) {
            job->scope.cancel();
        }
        co_await end_jobs();
        const bool unsent = writer_->buffered() != 0;
        writer_.reset();
        // Torn if something is unsent; but what the stream took in this moment is not.
        const bool whole = streams_.first.is_open();
        FUZZ_REQUIRE(whole || unsent);
        FUZZ_REQUIRE(!whole || got_.size() + streams_.second.readable() == expected_.size());
        FUZZ_REQUIRE(expected_.starts_with(got_));
    }

    Bytes& input_;
    std::size_t limit_;
    std::pair<MemoryStream, MemoryStream> streams_;
    std::optional<Writer> writer_;
    std::deque<std::unique_ptr<Job>> jobs_;
    std::deque<Job*> line_;  // who has called `write` and has not come back, in order
    std::string expected_;
    std::string got_;
    std::size_t largest_ = 0;
    int numbered_ = 0;
};

Task<> live(Bytes& input) {
    World world(input);
    co_await world.run();
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes input(data, size);
    eddy::testing::VirtualClock clock;
    eddy::run(live(input), {}, {.clock = &clock});
    return 0;
}
