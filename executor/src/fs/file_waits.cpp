// SPDX-License-Identifier: MIT
#include <eddy/detail/file_waits.hpp>

#include <algorithm>
#include <ctime>
#include <limits>
#include <stdexcept>
#include <string>

#include <eddy/clock.hpp>
#include <eddy/detail/cached_read.hpp>
#include <eddy/detail/job.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/thread_state.hpp>
#include <eddy/error.hpp>
#include <eddy/fs/file_pool.hpp>

#include "fs/file_works.hpp"
#include "fs/open_file.hpp"
#include "fs/posix.hpp"

namespace eddy::inline v0_1::detail {

namespace {

constexpr std::uint64_t last_offset = std::numeric_limits<std::int64_t>::max();

/// `length` bytes at `offset` are offsets of a file.
void require_range(const char* what, std::uint64_t offset, std::uint64_t length) {
    if (offset > last_offset || length > last_offset - offset) {
        throw std::out_of_range(std::string(what) + ": files have offsets of up to 2^63 - 1");
    }
}

[[noreturn]] void refuse_access(const char* what, const OpenFile& file, const char* why) {
    throw InvalidState(std::string(what) + ": " + shown(file.path) + " was opened " + why);
}

}  // namespace

// --- any operation -----------------------------------------------------------------------------

void let_go(OpenFile& file) noexcept {
    if (file.inherited()) {
        file.close_inherited();
    } else {
        file.begin_close();
    }
    file.release();
}

FileWait::FileWait(OpenFile* file, const char* what, OnCancel on_cancel) noexcept
    : OffloadWait(nullptr, on_cancel), file_(file), what_(what) {
    if (file_ != nullptr) {
        file_->retain();
    }
}

FileWait::~FileWait() {
    if (file_ != nullptr) {
        file_->release();
    }
}

OpenFile& FileWait::usable() const {
    if (file_ == nullptr) [[unlikely]] {
        throw InvalidState(std::string(what_) + ": this file was moved from");
    }
    file_->bound.check(what_);
    if (file_->inherited()) [[unlikely]] {
        throw InvalidState(std::string(what_) +
                           ": this file is of the process that forked: open it again in the child");
    }
    if (file_->closing) [[unlikely]] {
        throw ClosedResource(std::string(what_) + ": " + shown(file_->path) + " is closed");
    }
    return *file_;
}

void FileWait::send(Work& work, Executor* executor) {
    renew(work);
    try {
        set_executor(executor != nullptr ? *executor : file_pool());
        OffloadWait::start();
    } catch (...) {
        drop_unsent();
        throw;
    }
}

// --- reading -----------------------------------------------------------------------------------

std::span<std::byte> FileRead::rest() const noexcept {
    const std::uint64_t there_can_be = last_offset - offset_;
    const std::span<std::byte> all =
        into_.size() <= there_can_be ? into_ : into_.first(static_cast<std::size_t>(there_can_be));
    return all.subspan(done_);
}

namespace {

/// A copy of that size counts for as many awaits as take about that long.
void spend_budget(std::size_t bytes) noexcept {
    constexpr std::size_t unit = std::size_t{8} << 10U;
    Job* const job = thread_state.job;
    if (job != nullptr && job->budget > 1) {
        const std::size_t left = job->budget - std::min<std::size_t>(job->budget, bytes / unit);
        job->budget = static_cast<std::uint8_t>(std::max<std::size_t>(left, 1));
    }
}

/// In ticks of the system, which cost a fifth of a look at the exact clock.
class Ticks final {
public:
    /// More than one, in any case: a tick may have come in the middle of the shortest call.
    [[nodiscard]] bool several_passed() const noexcept { return now() - start_ >= 2 * length(); }

private:
#if defined(CLOCK_MONOTONIC_COARSE)
    static constexpr clockid_t clock = CLOCK_MONOTONIC_COARSE;
#else
    static constexpr clockid_t clock = CLOCK_MONOTONIC;
#endif

    [[nodiscard]] static std::int64_t nanoseconds(const timespec& time) noexcept {
        return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
    }
    [[nodiscard]] static std::int64_t now() noexcept {
        timespec time{};
        ::clock_gettime(clock, &time);
        return nanoseconds(time);
    }
    [[nodiscard]] static std::int64_t length() noexcept {
        static const std::int64_t of_one = [] {
            timespec time{};
            ::clock_getres(clock, &time);
            return std::max<std::int64_t>(nanoseconds(time), 1'000'000);
        }();
        return of_one;
    }

    const std::int64_t start_ = now();
};

[[nodiscard]] std::size_t read_on_loop(OpenFile& file,
                                       std::uint64_t offset,
                                       std::span<std::byte> into) {
    const LoopCore& core = *thread_state.core;
    const Ticks ticks;
    const CachedRead read = read_cached(file.fd, offset, into);
    if (ticks.several_passed() && core.clock->now() != core.turn_time) [[unlikely]] {
        file.tries.was_slow();  // not so on a virtual clock, where nothing takes time
    } else {
        file.tries.was_quick();
    }
    if (!read.supported) {
        file.tries.stop();
    }
    spend_budget(read.length);
    return read.length;
}

}  // namespace

bool FileRead::try_now() {
    OpenFile& file = usable();
    if (!file.can_read()) [[unlikely]] {
        refuse_access(what(), file, "to write only");
    }
    require_range(what(), offset_, 0);
    done_ = 0;
    const std::span<std::byte> into = rest();
    if (into.empty()) {
        return true;
    }
    if (into.size() > most_cached || !file.tries.next()) {
        return false;
    }
    done_ = read_on_loop(file, offset_, into);
    if (done_ == into.size() || (done_ != 0 && amount_ == Amount::some)) {
        ++file.statistics.reads_on_loop;
        return true;
    }
    return false;
}

void FileRead::start() {
    OpenFile& file = usable();  // a predicate may have closed it since
    send(*new FileReadWork(file, offset_ + done_, rest(), amount_ == Amount::all), file.executor);
    ++file.statistics.reads_offloaded;
}

std::size_t FileRead::finish() {
    return work_ == nullptr ? done_ : done_ + take_result<std::size_t>();
}

// --- writing -----------------------------------------------------------------------------------

bool FileWrite::try_now() {
    const OpenFile& file = usable();
    if (file.access == Access::read) [[unlikely]] {
        refuse_access(what(), file, "to read only");
    }
    const bool appends = file.access == Access::append;
    if (appends != place_.at_end) [[unlikely]] {
        refuse_access(what(),
                      file,
                      appends ? "to append, and then the system ignores offsets: call append"
                              : "without Access::append: call write_at");
    }
    if (!appends) {
        require_range(what(), place_.offset, size());
    }
    return size() == 0;
}

void FileWrite::start() {
    OpenFile& file = usable();
    send(*new FileWriteWork(file, place_, single_, list_, size()), file.executor);
    ++file.statistics.writes;
}

std::size_t FileWrite::size() const noexcept {
    std::size_t size = single_.size();
    for (const Bytes part : list_) {
        size += part.size();
    }
    return size;
}

std::size_t FileWrite::written() const noexcept {
    return work_ == nullptr ? 0 : static_cast<const FileWriteWork&>(*work_).written();
}

std::size_t FileWrite::finish() { return work_ == nullptr ? 0 : take_result<std::size_t>(); }

// --- the rest ----------------------------------------------------------------------------------

template <class R>
bool FileStep<R>::try_now() {
    const OpenFile& file = usable();
    if (arguments_.writes && file.access == Access::read) [[unlikely]] {
        refuse_access(what(), file, "to read only");
    }
    require_range(what(), arguments_.offset, arguments_.length);
    return false;
}

template <class R>
void FileStep<R>::start() {
    OpenFile& file = usable();
    send(*new FileStepWork<R>(file, function_, arguments_), file.executor);
}

template <class R>
R FileStep<R>::take() {
    return this->template take_result<R>();
}

template class FileStep<void>;
template class FileStep<FileStatus>;

// --- closing -----------------------------------------------------------------------------------

bool FileClose::try_now() {
    if (file_ == nullptr) [[unlikely]] {
        throw InvalidState("File::close: this file was moved from");
    }
    if (file_->inherited()) [[unlikely]] {
        file_->close_inherited();  // all that may be touched of it here
        return true;
    }
    file_->bound.check(what());
    return file_->is_closed();
}

void FileClose::start() { send(*new FileCloseWork, file_); }

void FileClose::take() {
    if (work_ != nullptr) {
        take_result<void>();
    }
    if (!file_->inherited()) [[likely]] {
        file_->throw_close_error();
    }
}

}  // namespace eddy::inline v0_1::detail
