-- consent: every trusted and curated row is of a customer who agrees, by email, and by serial number where it has one.
-- Inputs: the tables, and who agrees as read from the landed lines: consents (email, since), agreed_devices.
select
    'customer_trusted' as table_name,
    'of a customer without consent' as what,
    t.email as key
from customer_trusted as t
anti join consents as k on t.email = k.email
union all
select
    'customer_trusted',
    'of a record without a research date',
    t.email
from customer_trusted as t
where coalesce(t.shareWithResearchAsOfDate, 0) <= 0
union all
select
    'customers_curated',
    'of a customer without consent',
    t.email
from customers_curated as t
anti join consents as k on t.email = k.email
union all
select
    'customers_curated',
    'of a record without a research date',
    t.email
from customers_curated as t
where coalesce(t.shareWithResearchAsOfDate, 0) <= 0
union all
select
    'accelerometer_trusted',
    'of a customer without consent',
    t.user
from accelerometer_trusted as t
anti join consents as k on t.user = k.email
union all
select
    'step_trainer_trusted',
    'of a device of no customer with consent',
    t.serialNumber
from step_trainer_trusted as t
anti join agreed_devices as k on t.serialNumber = k.serialNumber
union all
select
    'machine_learning_curated',
    'of a customer without consent',
    t.user
from machine_learning_curated as t
anti join consents as k on t.user = k.email
union all
select
    'machine_learning_curated',
    'of a device of no customer with consent',
    t.serialNumber
from machine_learning_curated as t
anti join agreed_devices as k on t.serialNumber = k.serialNumber
union all
select
    'device_owners',
    'of a customer without consent',
    t.owner
from device_owners as t
anti join consents as k on t.owner = k.email
