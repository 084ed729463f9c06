// SPDX-License-Identifier: MIT
#include <eddy/exception_group.hpp>

#include <atomic>
#include <memory>
#include <string_view>
#include <typeinfo>
#include <utility>

#include <eddy/error.hpp>

#include "base/type_name.hpp"
#include "base/utf8.hpp"

namespace eddy::inline v0_1 {

namespace {

constexpr std::size_t most_told = 16;       // failures in one text, those of nested groups included
constexpr int deepest_told = 8;             // groups in groups
constexpr std::size_t longest_told = 1024;  // bytes of one failure

constexpr const char* no_memory = "failures, and no memory to say which";

/// The text of a group, as far as it is told.
class Telling final {
public:
    [[nodiscard]] std::string take() && { return std::move(text_); }

    void tell(std::span<const std::exception_ptr> failures) {
        const std::size_t count = failures.size();
        text_ += std::to_string(count);
        text_ += count == 1 ? " failure" : " failures";
        if (count == 0 || depth_ == deepest_told) {
            text_ += count == 0 ? "" : " in deeper groups";
            ++told_;
            return;
        }
        const char* separator = ": ";
        for (std::size_t i = 0; i < count; ++i) {
            text_ += separator;
            separator = "; ";
            if (told_ == most_told) {
                text_ += "and " + std::to_string(count - i) + " more";
                return;
            }
            tell_one(failures[i]);
        }
    }

private:
    struct Deeper {
        Deeper() noexcept { ++depth_; }
        Deeper(const Deeper&) = delete;
        Deeper& operator=(const Deeper&) = delete;
        ~Deeper() { --depth_; }
    };

    void tell_one(const std::exception_ptr& failure) {
        try {
            std::rethrow_exception(failure);
        } catch (const ExceptionGroup& nested) {
            if (typeid(nested) == typeid(ExceptionGroup)) {
                const Deeper deeper;
                tell(nested.exceptions());
            } else {
                const Deeper deeper;
                tell_text(nested.what());
            }
        } catch (...) {
            tell_text(detail::describe(std::current_exception()));
        }
    }
    void tell_text(std::string_view text) {
        ++told_;
        if (text.size() <= longest_told) {
            text_ += text;
            return;
        }
        text_ += detail::whole_characters(text, longest_told);
        text_ += "...";
    }

    std::string text_;
    std::size_t told_ = 0;
    static constinit thread_local int depth_;  // also of groups that are asked for their own text
};

constinit thread_local int Telling::depth_ = 0;

}  // namespace

/// What the copies of a group share. One group may be inside another, 100,000 deep: the end of one
/// puts those inside on a list instead of ending them in turn.
struct ExceptionGroup::Shared final {
    explicit Shared(std::vector<std::exception_ptr> all) noexcept : exceptions(std::move(all)) {}
    Shared(const Shared&) = delete;
    Shared& operator=(const Shared&) = delete;
    ~Shared() { delete text.load(std::memory_order_acquire); }

    static void end(Shared* shared) noexcept;

    [[nodiscard]] const char* what() const noexcept;

    std::vector<std::exception_ptr> exceptions;
    // Null until somebody asks; the first to have made it publishes it: release, for the others'
    // acquire.
    mutable std::atomic<const std::string*> text = nullptr;
    Shared* next_to_end = nullptr;

private:
    struct ToEnd {
        Shared* first;
        bool busy;
    };
    static constinit thread_local ToEnd to_end;
};

constinit thread_local ExceptionGroup::Shared::ToEnd ExceptionGroup::Shared::to_end{};

void ExceptionGroup::Shared::end(Shared* shared) noexcept {
    shared->next_to_end = std::exchange(to_end.first, shared);
    if (to_end.busy) {
        return;
    }
    to_end.busy = true;
    while (to_end.first != nullptr) {
        Shared* const first = to_end.first;
        to_end.first = first->next_to_end;
        delete first;
    }
    to_end.busy = false;
}

const char* ExceptionGroup::Shared::what() const noexcept {
    const std::string* known = text.load(std::memory_order_acquire);
    if (known != nullptr) {
        return known->c_str();
    }
    try {
        Telling telling;
        telling.tell(exceptions);
        auto made = std::make_unique<const std::string>(std::move(telling).take());
        if (text.compare_exchange_strong(
                known, made.get(), std::memory_order_acq_rel, std::memory_order_acquire)) {
            known = made.release();
        }
        return known->c_str();
    } catch (...) {
        return no_memory;
    }
}

ExceptionGroup::ExceptionGroup(std::vector<std::exception_ptr> exceptions) {
    std::erase_if(exceptions, [](const std::exception_ptr& failure) {
        return failure == nullptr || detail::is_cancelled(failure);
    });
    shared_ = std::shared_ptr<const Shared>(new Shared(std::move(exceptions)),
                                            [](Shared* shared) noexcept { Shared::end(shared); });
}

std::span<const std::exception_ptr> ExceptionGroup::exceptions() const noexcept {
    return shared_->exceptions;
}

const char* ExceptionGroup::what() const noexcept { return shared_->what(); }

namespace detail {

namespace {

std::string current_type_name() {
    const std::type_info* type = current_exception_type();
    if (type == nullptr) {
        return "an exception of an unknown type";
    }
    const auto name = readable_name(*type);
    return std::string("an exception of type ") + (name != nullptr ? name.get() : type->name());
}

}  // namespace

std::string describe(const std::exception_ptr& exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const std::exception& error) {
        return error.what();
    } catch (const Cancelled& cancelled) {
        return cancelled.message();
    } catch (...) {
        return current_type_name();
    }
}

bool is_cancelled(const std::exception_ptr& exception) noexcept {
    if (exception == nullptr) {
        return false;
    }
#if defined(__GLIBCXX__)
    return *exception.__cxa_exception_type() == typeid(Cancelled);
#else
    try {
        std::rethrow_exception(exception);
    } catch (const Cancelled&) {
        return true;
    } catch (...) {
        return false;
    }
#endif
}

}  // namespace detail
}  // namespace eddy::inline v0_1
