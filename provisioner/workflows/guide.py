"""guide: how to create and revoke the password at a provider, with the label to type."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from provisioner import clients
from provisioner.accounts import check_label, parse_address, refuse_passwordless
from provisioner.errors import ProvisionError, UsageError
from provisioner.host import Host
from provisioner.model import AppPassword, Provider
from provisioner.nearby import did_you_mean
from provisioner.providers import find, for_domain, load_all
from provisioner.report import GuideRow
from provisioner.steps import ours
from provisioner.workflows import working
from provisioner.workflows.context import Context
from provisioner.workflows.in_use import Password, Users, by_label
from provisioner.workflows.in_use import of as users_of

MOST_NAMES = 3
"""Programs named in a label."""


def default_label(host: Host, titles: Sequence[str]) -> str:
    """`Mozilla Thunderbird (imac)`: which program, on which computer, so that it can be revoked alone.

    Several programs have one password; of more than three the label would be too long to type.
    """
    names = list(dict.fromkeys(titles))
    return f"{', '.join(names) if 0 < len(names) <= MOST_NAMES else 'Mail'} ({host.name})"


def fill(steps: Iterable[str], label: str) -> tuple[str, ...]:
    """The steps with the label put in."""
    return tuple(step.replace("{label}", label) for step in steps)


def guide(
    context: Context, who: str | None, client_ids: Sequence[str], label: str | None, *, open_page: bool
) -> None:
    """Adds the guide of one provider, or of each that has one. `who`: address, domain or provider's id.

    Raises UsageError if the provider is unknown or its profile has no guide.
    """
    if who is None and open_page:
        raise UsageError("It is not said whose page to open.", "Give EMAIL or PROVIDER, too.")
    titles, notes = [], []
    for client_id, together in clients.expand(client_ids).items():
        client = clients.get(client_id)
        served = working.without(context, who, client.ID) if who and not together else []
        notes += [f"{client.TITLE} {working.by(one)}." for one in served]
        if working.can_hold(client, together) and not served:
            titles.append(client.TITLE)
    label = label or default_label(context.host, titles)
    check_label(label)
    for provider in _providers(context, who):
        if provider.guide is None or provider.app_password is None:
            continue
        steps = provider.guide
        context.report.add(
            GuideRow(
                provider=provider.id,
                title=provider.name,
                term=provider.app_password.term,
                label=label,
                conditions=steps.conditions,
                create_url=steps.create.url,
                create=fill(steps.create.steps, label),
                revoke_url=steps.revoke.url,
                revoke=fill(steps.revoke.steps, label),
                notes=(*notes, *_facts(provider.app_password), *steps.notes),
            )
        )
        if open_page:
            context.ui.open(steps.create.url)
    if who is None:
        context.report.next = f"How to make and revoke it, step by step:{ours('guide', 'PROVIDER')}"


def _facts(rule: AppPassword) -> tuple[str, ...]:
    facts = [f"You can have {rule.limit} of them at a time."] if rule.limit else []
    return (*facts, *(f"It ends when {reason}." for reason in rule.revoked_when))


def _providers(context: Context, who: str | None) -> list[Provider]:
    known = load_all(context.host)
    if who is None:
        return list(known.values())
    name = parse_address(who)[1] if "@" in who else who
    provider = known.get(name.lower()) or for_domain(known.values(), name)
    if provider is None:
        domains = (domain for one in known.values() for domain in one.domains)
        raise UsageError(
            f"There is no provider profile for {who!r} here.",
            did_you_mean(
                name,
                (*sorted(known), *domains),
                f"Known providers: {', '.join(sorted(known))}.",
                "provisioner providers",
            ),
            code="provider.unknown",
        )
    refuse_passwordless(provider)
    if provider.guide is None:
        raise UsageError(
            f"The profile of {provider.name} has no guide.", "Look at the provider's help pages."
        )
    return [provider]


def announce(context: Context, provider: Provider | None, label: str) -> None:
    """Says where the password comes from, before it is asked for."""
    if provider is None or provider.guide is None or provider.app_password is None:
        return
    context.ui.say(f"{provider.name} wants {provider.app_password.a_term}. To make one:")
    for number, step in enumerate(fill(provider.guide.create.steps, label), 1):
        context.ui.say(f"  {number}. {step}")


def revoke_hints(
    context: Context,
    passwords: Iterable[Password],
    *,
    without: Collection[str] = (),
    told: Collection[str] = (),
) -> str:
    """For each label where to revoke it, after what may still use it; or who does, so that it must not be
    yet. Each line once.

    `without`: the ids of receipts that do not count. `told`: advice that has been given.
    """
    lines: list[str] = []
    for password in by_label(passwords):
        users = users_of(context, password, without=without)
        doubts = (*users.advice, *users.unseen)
        lines += [one for one in doubts if one not in told and not users.certain]
        lines.append(_revoke(context, password, users))
    return "\n".join(dict.fromkeys(lines))


def _revoke(context: Context, password: Password, users: Users) -> str:
    label = password.label
    if users.certain:
        name = f'The password "{label}"' if label else "The old password"
        return f"{name} is still used by {', '.join(users.certain)}: do not revoke it yet."
    unless = "Unless it is still in use, " if users.unseen else ""
    if not label:
        return f"{unless or 'Now '}revoke the old password where you made it."
    try:
        provider = find(context.host, password.account.provider)
    except ProvisionError:  # a broken profile of the user's must not spoil what is already done
        provider = None
    if provider is None or provider.guide is None or provider.app_password is None:
        return f'{unless or "To end the password, "}revoke "{label}" where you made it.'
    end = unless or f"To end the {provider.app_password.term}, "
    return f'{end}revoke "{label}" at {provider.guide.revoke.url}'
