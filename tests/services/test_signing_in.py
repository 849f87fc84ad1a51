"""Signing in: the same answer and work for every wrong try, a lock, steps in their order, and sessions that end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from itertools import count

import pyotp
import pytest

from overt.adapters.memory import MemoryClock, MemoryLedger
from overt.adapters.memory_accounts import MemoryAccounts, QuickPasswords
from overt.adapters.sign_in_proofs import TimedCodes
from overt.ports import Unavailable
from overt.services.accounts import (
    Account,
    AccountRefused,
    AccountRooms,
    change_account,
    close_account,
    reset_second_factor,
    set_password,
    unlock,
)
from overt.services.signing_in import (
    IDLE_US,
    LOCKED_US,
    LONGEST_US,
    MOST_FAILURES,
    MOST_FROM_ADDRESS,
    STAGES,
    STEP_US,
    TOUCH_US,
    SignedIn,
    SignInRefused,
    SignInRooms,
    TooManyTries,
    change_own_password,
    enrol,
    give_code,
    next_stage,
    recognise,
    recognise_again,
    sign_in,
    sign_out,
    token_hash,
)
from overt.services.turnstile import Turnstile

PASSWORD, NEW = "a long enough one", "another long one"
SECRET, OTHER_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU"
HERE, THERE = "192.0.2.1", "198.51.100.7"
STEP = 30_000_000


@dataclass
class House:
    """Everything that signing in needs, in memory, with the account ada."""

    demanded: bool = False
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    register: MemoryAccounts = field(default_factory=MemoryAccounts)
    passwords: QuickPasswords = field(default_factory=QuickPasswords)
    clock: MemoryClock = field(default_factory=MemoryClock)
    turnstile: Turnstile = field(default_factory=Turnstile)
    tokens: count[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.keep()

    @property
    def rooms(self) -> SignInRooms:
        accounts = AccountRooms("main", self.ledger, self.clock, self.register, self.passwords)
        return SignInRooms(
            accounts, self.register, TimedCodes(), lambda: f"token {next(self.tokens)}", self.demanded, self.turnstile
        )

    def keep(self, name: str = "ada", **changes: object) -> Account:
        account = Account("main", name, "compliance", password=self.passwords.hashed(PASSWORD), ledger_index=0)
        account = replace(account, **changes)  # type: ignore[arg-type]
        self.register.keep(account)
        return account

    def stands(self, name: str = "ada") -> Account:
        account = self.register.find("main", name)
        assert account is not None
        return account

    def code(self, steps: int = 0, secret: str = SECRET) -> str:
        """The code of a secret, so many steps from now."""
        return pyotp.TOTP(secret).at(self.clock.now // 1_000_000 + 30 * steps)

    async def sign_in(self, password: str = PASSWORD, name: str = "ada", address: str = HERE) -> tuple[str, SignedIn]:
        return await sign_in(self.rooms, name, password, address, "Firefox")

    async def give_code(self, signed: SignedIn, code: str, address: str = HERE) -> tuple[str, SignedIn]:
        return await give_code(self.rooms, signed, code, address, "Firefox")

    async def wrong(self, times: int, name: str = "ada", address: str = HERE) -> None:
        for _ in range(times):
            with pytest.raises(SignInRefused):
                await self.sign_in("not the password", name, address)

    def recognised(self, token: str) -> SignedIn | None:
        return recognise(self.rooms, token)

    async def entered(self, kind: str) -> int:
        await self.turnstile.settled()
        return len(self.ledger.bodies(kind))


@pytest.fixture
def house() -> House:
    return House()


# ------------------------------------------------------------------------------------------- name and password


async def test_the_right_password_opens_a_session_that_only_its_token_finds(house: House) -> None:
    token, signed = await house.sign_in()
    assert signed.session.stage == "in" and signed.account.name == "ada"
    assert signed.session.token_sha256 == token_hash(token) != token and token not in repr(signed)
    assert signed.session.csrf not in ("", token) and signed.session.csrf not in repr(signed.session)
    assert house.recognised(token) == signed
    assert (signed.session.address, signed.session.agent) == (HERE, "Firefox")
    assert house.recognised("") is None and house.recognised(signed.session.token_sha256) is None


async def test_tokens_are_never_taken_from_whoever_signs_in(house: House) -> None:
    first, second = (await house.sign_in())[0], (await house.sign_in())[0]
    assert first != second and house.recognised(first) is not None and house.recognised(second) is not None


@pytest.mark.parametrize("name", ["ben", "closed", "ADA", "ada\x00", "", "x" * 5000, "not a name"])
async def test_a_wrong_name_gets_the_answer_and_the_work_of_a_wrong_password(house: House, name: str) -> None:
    house.keep("closed", state="closed")
    told, worked, noted = [], [], []
    for one in ("ada", name):
        house.passwords.compared.clear()
        house.register.attempts.clear()
        with pytest.raises(SignInRefused) as refused:
            await house.sign_in("not the password" if one == "ada" else PASSWORD, one)
        told.append((type(refused.value), str(refused.value)))
        worked.append(len(house.passwords.compared))
        noted.append([(len(one.account) > 0, one.address, one.ok) for one in house.register.attempts])
    assert told[0] == told[1] and worked == [1, 1] and noted[0] == noted[1]
    assert house.passwords.compared == [""]


async def test_what_cannot_be_a_name_is_counted_without_being_written_down(house: House) -> None:
    await house.wrong(MOST_FAILURES, "My Secret Password!")
    assert "Secret" not in repr(house.register.attempts)
    with pytest.raises(TooManyTries):
        await house.sign_in(name="My Secret Password!")
    await house.wrong(1, "Another Thing")


async def test_a_password_longer_than_any_is_wrong_at_no_greater_cost(house: House) -> None:
    longest = "longest one " * 21 + "1234"
    house.keep(password=house.passwords.hashed(longest))
    await house.sign_in(longest)
    with pytest.raises(SignInRefused):
        await house.sign_in(longest + "x" * 100_000)
    with pytest.raises(SignInRefused):
        await house.sign_in("half \ud800 a character")


# ------------------------------------------------------------------------------------------- locks


async def test_five_wrong_tries_lock_the_name_for_a_quarter_of_an_hour(house: House) -> None:
    house.keep("ben")
    await house.wrong(MOST_FAILURES)
    house.passwords.compared.clear()
    with pytest.raises(TooManyTries) as locked:
        await house.sign_in(address=THERE)
    assert house.passwords.compared == [] and locked.value.until_us - house.clock.now <= LOCKED_US
    await house.sign_in(name="ben")
    house.clock.now += LOCKED_US + 1
    await house.sign_in()


async def test_a_locked_name_answers_the_same_whether_or_not_it_is_anybodys(house: House) -> None:
    told = []
    for name in ("ada", "nobody"):
        await house.wrong(MOST_FAILURES, name)
        with pytest.raises(TooManyTries) as locked:
            await house.sign_in(name=name)
        told.append(str(locked.value))
    assert told[0] == told[1]


async def test_tries_while_locked_do_not_prolong_it(house: House) -> None:
    await house.wrong(MOST_FAILURES)
    for _ in range(20):
        with pytest.raises(TooManyTries):
            await house.sign_in("not the password")
    house.clock.now += LOCKED_US
    await house.sign_in()


async def test_four_wrong_tries_and_a_right_one_begin_anew(house: House) -> None:
    for _ in range(3):
        await house.wrong(MOST_FAILURES - 1)
        await house.sign_in()


async def test_thirty_wrong_tries_lock_the_address_for_every_name(house: House) -> None:
    for number in range(MOST_FROM_ADDRESS):
        await house.wrong(1, f"guess{number}")
    with pytest.raises(TooManyTries):
        await house.sign_in()
    await house.sign_in(address=THERE)
    house.clock.now += LOCKED_US + 1
    await house.sign_in()


async def test_right_sign_ins_do_not_clear_an_address(house: House) -> None:
    house.keep("mallory")
    for number in range(MOST_FROM_ADDRESS):
        await house.wrong(1, f"guess{number}")
        if number % 4 == 0:
            await house.sign_in(name="mallory")
    with pytest.raises(TooManyTries):
        await house.sign_in(name="mallory")


async def test_unlocking_lets_the_right_password_in_at_once(house: House) -> None:
    await house.wrong(MOST_FAILURES)
    unlock(house.rooms.accounts, "ada")
    await house.sign_in()


async def test_the_lock_is_entered_once_each_time_and_only_of_real_accounts(house: House) -> None:
    await house.wrong(MOST_FAILURES - 1)
    assert await house.entered("account.locked") == 0
    await house.wrong(1)
    with pytest.raises(TooManyTries):
        await house.sign_in()
    assert await house.entered("account.locked") == 1
    (body,) = house.ledger.bodies("account.locked")
    assert body["account"] == "ada" and body["failures"] == MOST_FAILURES and body["until_us"] > house.clock.now  # type: ignore[operator]
    await house.wrong(MOST_FAILURES, "nobody")
    assert await house.entered("account.locked") == 1
    house.clock.now += LOCKED_US + 1
    await house.wrong(MOST_FAILURES)
    assert await house.entered("account.locked") == 2


async def test_a_lock_holds_and_says_the_same_while_the_ledger_is_down(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("overt.services.entering.RETRY_S", 0.001)
    house.ledger.down = True
    await house.wrong(MOST_FAILURES)
    with pytest.raises(TooManyTries):
        await house.sign_in()
    house.ledger.down = False
    assert await house.entered("account.locked") == 1


async def test_many_tries_at_once_are_no_more_than_five(house: House) -> None:
    results = await asyncio.gather(*(house.sign_in("not the password") for _ in range(30)), return_exceptions=True)
    kinds = Counter(type(one) for one in results)
    assert kinds == {SignInRefused: MOST_FAILURES, TooManyTries: 30 - MOST_FAILURES}
    assert len(house.passwords.compared) == MOST_FAILURES and await house.entered("account.locked") == 1


async def test_many_codes_at_once_are_no_more_than_five(house: House) -> None:
    house.keep(totp_secret=SECRET)
    sessions = [(await house.sign_in())[1] for _ in range(30)]
    results = await asyncio.gather(
        *(house.give_code(one, f"{guess:06}") for guess, one in enumerate(sessions)), return_exceptions=True
    )
    assert Counter(type(one) for one in results) == {SignInRefused: MOST_FAILURES, TooManyTries: 25}
    assert await house.entered("account.locked") == 1


async def test_many_tries_at_once_from_one_address_are_no_more_than_thirty(house: House) -> None:
    results = await asyncio.gather(*(house.sign_in(name=f"guess{n}") for n in range(38)), return_exceptions=True)
    assert Counter(type(one) for one in results) == {SignInRefused: MOST_FROM_ADDRESS, TooManyTries: 8}


async def test_a_crowd_is_turned_away_before_any_password_is_hashed() -> None:
    house = House(turnstile=Turnstile(most_inside=3))
    results = await asyncio.gather(
        *(house.sign_in(name="ada", address=f"192.0.2.{n}") for n in range(10)), return_exceptions=True
    )
    turned = [one for one in results if isinstance(one, Unavailable)]
    assert len(turned) == 7 and len(house.passwords.compared) == 3
    await house.sign_in()


async def test_few_passwords_are_hashed_at_once_and_the_loop_goes_on(house: House) -> None:
    import threading
    import time

    class Slow(QuickPasswords):
        """Passwords that take a while, and know how many are at it."""

        inside = most = 0
        lock = threading.Lock()

        def matches(self, hashed: str, password: str) -> bool:
            with self.lock:
                self.inside += 1
                self.most = max(self.most, self.inside)
            time.sleep(0.02)
            with self.lock:
                self.inside -= 1
            return super().matches(hashed, password)

    house.passwords = slow = Slow()
    house.keep()
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.002)
            beats += 1

    beating = asyncio.create_task(beat())
    house.keep("ben")
    await asyncio.gather(*(house.sign_in(name=name) for name in ("ada", "ben") * 4))
    beating.cancel()
    assert slow.most == 2 and beats > 10


# ------------------------------------------------------------------------------------------- the second factor


async def test_with_a_second_factor_the_password_alone_shows_nothing(house: House) -> None:
    house.keep(totp_secret=SECRET)
    token, signed = await house.sign_in()
    assert signed.session.stage == "code"
    fresh, there = await house.give_code(signed, house.code())
    assert there.session.stage == "in" and fresh != token
    assert house.recognised(token) is None and house.recognised(fresh) == there
    assert there.session.csrf != signed.session.csrf


@pytest.mark.parametrize(("steps", "taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
async def test_a_code_is_taken_one_step_early_or_late(house: House, steps: int, taken: bool) -> None:
    house.keep(totp_secret=SECRET)
    _, signed = await house.sign_in()
    if taken:
        await house.give_code(signed, house.code(steps))
    else:
        with pytest.raises(SignInRefused):
            await house.give_code(signed, house.code(steps))


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "१२३४५६", "000 000 0", "\x00" * 6, "é" * 6])
async def test_what_is_no_code_is_wrong(house: House, code: str) -> None:
    house.keep(totp_secret=SECRET)
    _, signed = await house.sign_in()
    with pytest.raises(SignInRefused):
        await house.give_code(signed, code)


async def test_no_code_counts_twice_nor_any_before_it(house: House) -> None:
    house.keep(totp_secret=SECRET)
    _, signed = await house.sign_in()
    used, before = house.code(), house.code(-1)
    await house.give_code(signed, used)
    _, again = await house.sign_in()
    for code in (used, before):
        with pytest.raises(SignInRefused, match="used already"):
            await house.give_code(again, code)
    house.clock.now += STEP
    await house.give_code(again, house.code())


async def test_of_two_who_give_the_same_code_at_once_one_is_let_in(house: House) -> None:
    house.keep(totp_secret=SECRET)
    _, mine = await house.sign_in()
    _, theirs = await house.sign_in(address=THERE)
    code = house.code()
    results = await asyncio.gather(
        house.give_code(mine, code), house.give_code(theirs, code, THERE), return_exceptions=True
    )
    assert sum(isinstance(one, SignInRefused) for one in results) == 1


async def test_a_code_that_somebody_used_at_this_moment_is_used(house: House) -> None:
    class Contended(MemoryAccounts):
        """A register in which somebody else is always quicker with the code."""

        def exchange(self, before: Account, after: Account) -> bool:
            self.keep(after)
            return super().exchange(before, after)

    house.keep(totp_secret=SECRET)
    _, signed = await house.sign_in()
    house.register = Contended(house.register.accounts, house.register.sessions)
    with pytest.raises(SignInRefused, match="used already"):
        await house.give_code(signed, house.code())


async def test_wrong_codes_lock_over_all_sessions_and_a_right_password_does_not_help(house: House) -> None:
    house.keep(totp_secret=SECRET)
    for _ in range(MOST_FAILURES):
        _, signed = await house.sign_in()
        with pytest.raises(SignInRefused):
            await house.give_code(signed, "000000")
    with pytest.raises(TooManyTries):
        await house.give_code(signed, house.code())
    with pytest.raises(TooManyTries):
        await house.sign_in()
    assert await house.entered("account.locked") == 1


async def test_wrong_passwords_and_wrong_codes_are_one_count(house: House) -> None:
    house.keep(totp_secret=SECRET)
    await house.wrong(MOST_FAILURES - 1)
    _, signed = await house.sign_in()
    with pytest.raises(SignInRefused):
        await house.give_code(signed, "000000")
    with pytest.raises(TooManyTries):
        await house.sign_in()


@pytest.mark.parametrize("stage", ["enrol", "password", "in"])
async def test_a_code_is_taken_at_its_step_only(house: House, stage: str) -> None:
    house.keep(must_change=stage == "password")
    house.demanded = stage == "enrol"
    token, signed = await house.sign_in()
    assert signed.session.stage == stage
    with pytest.raises(SignInRefused, match="No code"):
        await house.give_code(signed, "000000")
    assert house.recognised(token) == signed


async def test_a_code_of_no_secret_is_nobodys(house: House) -> None:
    house.keep(totp_secret=SECRET)
    _, signed = await house.sign_in()
    house.register.keep(replace(house.stands(), totp_secret=""))
    with pytest.raises(SignInRefused):
        await house.give_code(signed, "000000")


# ------------------------------------------------------------------------------------------- setting it up


async def test_setting_up_a_second_factor_takes_a_code_of_it_and_ends_what_else_is_signed_in(house: House) -> None:
    house.demanded = True
    other, _ = await house.sign_in(address=THERE)
    token, signed = await house.sign_in()
    assert signed.session.stage == "enrol"
    with pytest.raises(SignInRefused, match="does not belong"):
        enrol(house.rooms, signed, SECRET, house.code(secret=OTHER_SECRET))
    assert house.stands().totp_secret == ""
    code = house.code()
    done = enrol(house.rooms, signed, SECRET, code)
    assert done.session.stage == "in" and house.recognised(token) == done
    assert house.recognised(other) is None and house.stands().totp_secret == SECRET
    _, again = await house.sign_in()
    assert again.session.stage == "code"
    with pytest.raises(SignInRefused):
        await house.give_code(again, code)


async def test_it_may_be_set_up_without_being_demanded_but_never_twice(house: House) -> None:
    _, signed = await house.sign_in()
    done = enrol(house.rooms, signed, SECRET, house.code())
    house.clock.now += 2 * STEP
    for stale in (signed, done):
        with pytest.raises(SignInRefused, match="already"):
            enrol(house.rooms, stale, OTHER_SECRET, house.code(secret=OTHER_SECRET))
    assert house.stands().totp_secret == SECRET


@pytest.mark.parametrize("stage", ["code", "password"])
async def test_it_is_not_set_up_by_whoever_has_not_come_so_far(house: House, stage: str) -> None:
    house.keep(totp_secret=SECRET if stage == "code" else "", must_change=True)
    _, signed = await house.sign_in()
    assert signed.session.stage == stage
    house.register.keep(replace(house.stands(), totp_secret=""))
    with pytest.raises(SignInRefused, match="at this step"):
        enrol(house.rooms, signed, OTHER_SECRET, house.code(secret=OTHER_SECRET))


@pytest.mark.parametrize("secret", ["", "1" * 32, "not base 32 at all!", "é" * 32])
async def test_a_secret_that_is_none_has_no_code(house: House, secret: str) -> None:
    _, signed = await house.sign_in()
    with pytest.raises(SignInRefused):
        enrol(house.rooms, signed, secret, "000000")


async def test_of_two_who_set_it_up_at_once_one_does(house: House) -> None:
    house.demanded = True
    signed = [(await house.sign_in())[1] for _ in range(2)]
    results = await asyncio.gather(
        *(
            asyncio.to_thread(enrol, house.rooms, one, secret, house.code(secret=secret))
            for one, secret in zip(signed, (SECRET, OTHER_SECRET), strict=True)
        ),
        return_exceptions=True,
    )
    (done,) = [one for one in results if isinstance(one, SignedIn)]
    assert house.stands().totp_secret == done.account.totp_secret


async def test_setting_up_is_refused_when_the_account_changes_at_that_moment(house: House) -> None:
    class Contended(MemoryAccounts):
        """A register in which an administrator is always quicker."""

        def exchange(self, before: Account, after: Account) -> bool:
            self.keep(replace(before, state="closed"))
            return super().exchange(before, after)

    _, signed = await house.sign_in()
    house.register = Contended(house.register.accounts, house.register.sessions)
    with pytest.raises(SignInRefused, match="changed meanwhile"):
        enrol(house.rooms, signed, SECRET, house.code())
    with pytest.raises(SignInRefused, match="at this step"):
        enrol(house.rooms, signed, SECRET, house.code())
    assert house.stands().state == "closed"


# ------------------------------------------------------------------------------------------- one's own password


@pytest.mark.parametrize("demanded", [False, True])
@pytest.mark.parametrize("has_factor", [False, True])
@pytest.mark.parametrize("must_change", [False, True])
async def test_the_steps_of_every_account_in_their_order(must_change: bool, has_factor: bool, demanded: bool) -> None:
    house = House(demanded=demanded)
    house.keep(must_change=must_change, totp_secret=SECRET if has_factor else "")
    expected = ["code"] * has_factor + ["password"] * must_change + ["enrol"] * (demanded and not has_factor) + ["in"]
    (token, signed), went = await house.sign_in(), []
    while (stage := signed.session.stage) != "in":
        went.append(stage)
        assert stage in STAGES and len(went) < 4
        assert signed.session.expires_us - house.clock.now <= STEP_US
        if stage == "code":
            token, signed = await house.give_code(signed, house.code())
        elif stage == "password":
            signed = await change_own_password(house.rooms, signed, PASSWORD, NEW, HERE)
        else:
            signed = enrol(house.rooms, signed, SECRET, house.code())
        assert house.recognised(token) == signed
    assert [*went, "in"] == expected
    assert signed.session.expires_us == signed.session.created_us + LONGEST_US


async def test_changing_ones_password_ends_every_other_session(house: House) -> None:
    other, _ = await house.sign_in(address=THERE)
    token, signed = await house.sign_in()
    changed = await change_own_password(house.rooms, signed, PASSWORD, NEW, HERE)
    assert house.recognised(token) == changed and house.recognised(other) is None
    await house.wrong(1)
    await house.sign_in(NEW)


@pytest.mark.parametrize(
    ("current", "new", "error"),
    [
        ("not the password", NEW, SignInRefused),
        (PASSWORD, PASSWORD, SignInRefused),
        (PASSWORD, "short", AccountRefused),
        ("", NEW, SignInRefused),
    ],
)
async def test_a_password_that_is_not_changed(house: House, current: str, new: str, error: type[Exception]) -> None:
    before = house.stands()
    token, signed = await house.sign_in()
    with pytest.raises(error):
        await change_own_password(house.rooms, signed, current, new, HERE)
    assert house.stands() == before and house.recognised(token) is not None


async def test_a_stolen_session_does_not_guess_the_password(house: House) -> None:
    _, signed = await house.sign_in()
    for _ in range(MOST_FAILURES):
        with pytest.raises(SignInRefused):
            await change_own_password(house.rooms, signed, "a guess of mine", NEW, HERE)
    with pytest.raises(TooManyTries):
        await change_own_password(house.rooms, signed, PASSWORD, NEW, HERE)
    assert await house.entered("account.locked") == 1


@pytest.mark.parametrize("stage", ["code", "enrol"])
async def test_a_password_is_not_changed_before_the_code_is_given(house: House, stage: str) -> None:
    house.keep(totp_secret=SECRET if stage == "code" else "")
    house.demanded = True
    _, signed = await house.sign_in()
    assert signed.session.stage == stage
    with pytest.raises(SignInRefused, match="at this step"):
        await change_own_password(house.rooms, signed, PASSWORD, NEW, HERE)


# ------------------------------------------------------------------------------------------- sessions end


async def test_a_session_ends_when_it_is_idle_and_lives_on_while_it_is_seen(house: House) -> None:
    token, _ = await house.sign_in()
    for _ in range(4):
        house.clock.now += IDLE_US - 10
        assert house.recognised(token) is not None
    house.clock.now += IDLE_US + 10
    assert house.recognised(token) is None and not house.register.sessions


async def test_a_session_ends_after_the_longest_time_however_often_it_is_seen(house: House) -> None:
    token, signed = await house.sign_in()
    end = signed.session.expires_us
    assert end - signed.session.created_us == LONGEST_US
    while house.clock.now + IDLE_US < end:
        house.clock.now += IDLE_US - 100
        assert house.recognised(token) is not None
    house.clock.now = end
    assert house.recognised(token) is None


async def test_a_step_that_is_not_taken_ends_soon(house: House) -> None:
    house.keep(totp_secret=SECRET)
    token, _ = await house.sign_in()
    house.clock.now += STEP_US + 1
    assert house.recognised(token) is None


async def test_being_seen_is_written_down_now_and_then(house: House) -> None:
    token, signed = await house.sign_in()
    house.clock.now += TOUCH_US - 10
    assert house.recognised(token) == signed
    house.clock.now += 20
    seen = house.recognised(token)
    assert seen is not None and seen.session.seen_us > signed.session.seen_us
    assert house.register.find_session(token_hash(token)) == seen.session


async def test_signing_out_ends_one_session(house: House) -> None:
    (token, signed), (other, _) = await house.sign_in(), await house.sign_in()
    sign_out(house.rooms, signed)
    assert house.recognised(token) is None and house.recognised(other) is not None


@pytest.mark.parametrize(
    "ends",
    [
        lambda rooms: close_account(rooms, "ada", by="root"),
        lambda rooms: change_account(rooms, "ada", role="supervisor", agent="", by="root"),
        lambda rooms: asyncio.to_thread(set_password, rooms, "ada", NEW, own=False),
        lambda rooms: asyncio.to_thread(reset_second_factor, rooms, "ada"),
    ],
    ids=["closed", "another role", "password set", "factor reset"],
)
async def test_what_an_administrator_does_ends_every_session(
    house: House, ends: Callable[[AccountRooms], Awaitable[object]]
) -> None:
    token, signed = await house.sign_in()
    assert recognise_again(house.rooms, signed)
    await ends(house.rooms.accounts)
    assert house.recognised(token) is None and not recognise_again(house.rooms, signed)


async def test_whoever_is_closed_is_not_recognised_even_while_the_session_stands(house: House) -> None:
    token, signed = await house.sign_in()
    house.keep(state="closed")
    assert not recognise_again(house.rooms, signed)
    assert house.recognised(token) is None and not house.register.sessions


async def test_a_long_answer_ends_with_its_session(house: House) -> None:
    _, signed = await house.sign_in()
    house.keep(role="agent", agent="sip:ada@pbx")
    assert not recognise_again(house.rooms, signed)
    house.keep()
    assert recognise_again(house.rooms, signed)
    house.clock.now += IDLE_US + 10
    assert not recognise_again(house.rooms, signed)


async def test_a_session_of_another_house_is_nobodys(house: House) -> None:
    token, signed = await house.sign_in()
    house.register.keep_session(replace(signed.session, tenant="other"))
    house.register.keep(replace(house.stands(), tenant="other"))
    assert house.recognised(token) is None


async def test_what_is_demanded_since_has_to_be_done_first(house: House) -> None:
    token, _ = await house.sign_in()
    house.demanded = True
    asked = house.recognised(token)
    assert asked is not None and asked.session.stage == "enrol"
    done = enrol(house.rooms, asked, SECRET, house.code())
    assert house.recognised(token) == done and done.session.stage == "in"
    assert next_stage(house.rooms, replace(done.account, must_change=True)) == "password"


async def test_whoever_waits_at_the_setting_up_is_not_let_in_by_anothers(house: House) -> None:
    house.demanded = True
    token, signed = await house.sign_in()
    house.keep(totp_secret=SECRET)
    waiting = house.recognised(token)
    assert waiting is not None and waiting.session.stage == "enrol"
    with pytest.raises(SignInRefused, match="already"):
        enrol(house.rooms, signed, OTHER_SECRET, house.code(secret=OTHER_SECRET))


# ------------------------------------------------------------------------------------------- at the same moment


class Interrupted(MemoryAccounts):
    """A register in which something happens once, just before a session is kept, or exchanged."""

    before_keeping: Callable[[], object] | None = None
    before_exchange: Callable[[], object] | None = None

    def keep_session(self, session):  # type: ignore[no-untyped-def]
        """Keep it, after that."""
        if self.before_keeping is not None:
            then, self.before_keeping = self.before_keeping, None
            then()
        MemoryAccounts.keep_session(self, session)

    def exchange_session(self, before, after):  # type: ignore[no-untyped-def]
        """Exchange it, after that."""
        if self.before_exchange is not None:
            then, self.before_exchange = self.before_exchange, None
            then()
        return MemoryAccounts.exchange_session(self, before, after)


@pytest.fixture
def interrupted() -> tuple[House, Interrupted]:
    register = Interrupted()
    return House(register=register), register


@pytest.mark.parametrize("has_factor", [False, True])
async def test_an_old_password_opens_nothing_once_it_was_replaced(
    interrupted: tuple[House, Interrupted], has_factor: bool
) -> None:
    house, register = interrupted
    house.keep(totp_secret=SECRET if has_factor else "")
    if has_factor:
        _, signed = await house.sign_in()
    register.before_keeping = lambda: set_password(house.rooms.accounts, "ada", NEW, own=False)
    with pytest.raises(SignInRefused, match="meanwhile"):
        await (house.give_code(signed, house.code()) if has_factor else house.sign_in())
    assert not register.sessions


async def test_a_code_given_after_everything_was_ended_opens_nothing(house: House) -> None:
    house.keep(totp_secret=SECRET)
    _, signed = await house.sign_in()
    house.register.end_sessions("main", "ada")
    with pytest.raises(SignInRefused, match="meanwhile"):
        await house.give_code(signed, house.code())
    assert not house.register.sessions


async def test_being_seen_does_not_bring_an_ended_session_back(interrupted: tuple[House, Interrupted]) -> None:
    house, register = interrupted
    token, signed = await house.sign_in()
    house.clock.now += TOUCH_US + 10
    register.before_exchange = lambda: sign_out(house.rooms, signed)
    assert house.recognised(token) is None and not register.sessions


async def test_two_requests_of_one_page_are_both_seen(interrupted: tuple[House, Interrupted]) -> None:
    house, register = interrupted
    token, _ = await house.sign_in()
    house.clock.now += TOUCH_US + 10
    register.before_exchange = lambda: house.recognised(token)
    assert house.recognised(token) is not None


async def test_a_step_taken_while_another_request_is_seen_is_taken(interrupted: tuple[House, Interrupted]) -> None:
    house, register = interrupted
    house.demanded = True
    token, signed = await house.sign_in()
    house.clock.now += TOUCH_US + 10
    register.before_exchange = lambda: house.recognised(token)
    assert enrol(house.rooms, signed, SECRET, house.code()).session.stage == "in"
    assert house.recognised(token).session.stage == "in"  # type: ignore[union-attr]


async def test_a_step_does_not_bring_an_ended_session_back(interrupted: tuple[House, Interrupted]) -> None:
    house, register = interrupted
    house.keep(must_change=True)
    token, signed = await house.sign_in()
    register.before_exchange = lambda: register.end_sessions("main", "ada")
    with pytest.raises(SignInRefused, match="meanwhile"):
        await change_own_password(house.rooms, signed, PASSWORD, NEW, HERE)
    assert house.recognised(token) is None


async def test_while_the_database_is_down_nobody_is_told_anything_else(house: House) -> None:
    token, _ = await house.sign_in()
    house.register.down = True
    for name in ("ada", "nobody"):
        with pytest.raises(Unavailable):
            await house.sign_in(name=name)
    with pytest.raises(Unavailable):
        house.recognised(token)
