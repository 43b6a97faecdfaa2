"""Who may read which prescriptions, and in what pages."""

import pytest
from sqlalchemy.orm import Session

from tests.conftest import NOW, Programme
from tests.factories import (
    actor_for,
    actor_in,
    make_group_with_pot,
    make_organisation,
    make_person,
    make_service_with_pot,
)
from timecredits.access import Role
from timecredits.errors import Forbidden, NotFound
from timecredits.prescribing import queries
from timecredits.prescribing.actions import Dose, prescribe, prescribe_many
from timecredits.programmes.models import OrganisationKind


def test_only_the_service_and_the_person_see_a_prescription(session: Session, programme: Programme) -> None:
    coordinator = programme.coordinator
    _, worker, _ = make_service_with_pot(session, coordinator)
    _, leader = make_group_with_pot(session, coordinator)
    person, other = (make_person(session, leader) for _ in range(2))
    elsewhere = make_organisation(session, coordinator, OrganisationKind.WELLBEING_SERVICE)
    found = prescribe(session, worker, person_id=person.id, minutes=60, now=NOW)
    for actor in (worker, actor_for(coordinator, person.id)):
        assert queries.prescription(session, actor, found.id, now=NOW).prescription is found
        assert len(queries.prescriptions(session, actor, limit=9, now=NOW)) == 1
    for actor in (actor_in(coordinator, Role.WELLBEING_WORKER, elsewhere.id), actor_for(coordinator, other.id)):
        with pytest.raises(NotFound):
            queries.prescription(session, actor, found.id, now=NOW)
        assert queries.prescriptions(session, actor, person_id=person.id, limit=9, now=NOW) == []
    for actor in (coordinator, leader, actor_in(coordinator, Role.AUDITOR)):
        with pytest.raises(Forbidden):
            queries.prescription(session, actor, found.id, now=NOW)
        with pytest.raises(Forbidden):
            queries.prescriptions(session, actor, limit=9, now=NOW)


def test_prescriptions_come_by_the_page_of_a_person_or_a_service(session: Session, programme: Programme) -> None:
    service, worker, _ = make_service_with_pot(session, programme.coordinator)
    asha, ben = (make_person(session, programme.coordinator) for _ in range(2))
    made = prescribe_many(session, worker, items=[Dose(one.id, 60) for one in (asha, ben, asha, asha)], now=NOW)
    ids = [found.id for found in made if not isinstance(found, Exception)]

    def page(**chosen: object) -> list[object]:
        return [row.prescription.id for row in queries.prescriptions(session, worker, now=NOW, **chosen)]

    assert page(organisation_id=service.id, limit=3) == ids[:3]
    assert page(organisation_id=service.id, limit=3, after=ids[2]) == ids[3:]
    assert page(person_id=asha.id, limit=9) == [ids[0], ids[2], ids[3]]
    assert page(person_id=asha.id, limit=9, after=ids[0]) == [ids[2], ids[3]]
