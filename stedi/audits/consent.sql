-- consent: no row of a customer without research consent stands in any trusted or curated table.
-- The privacy audit. Consent comes from consenting_customers, which shares nothing with the stages. training_curated
-- tells no customer: see training_consented.
-- Known limits: a withdrawal in a quarantined customer line has no effect (the build says so in a note); of a serial
-- number that a consenting and a refusing customer claim, the readings come through, as in the published tables.
select 'customer_trusted' as table_name, t.email as key
from customer_trusted as t
anti join consenting_customers as k on t.email = k.email
union all
select 'customer_trusted', t.email
from customer_trusted as t
where coalesce(t.shareWithResearchAsOfDate, 0) <= 0
union all
select 'customers_curated', t.email
from customers_curated as t
anti join consenting_customers as k on t.email = k.email
union all
select 'accelerometer_trusted', t.user
from accelerometer_trusted as t
anti join consenting_customers as k on t.user = k.email
union all
select 'step_trainer_trusted', t.serialNumber
from step_trainer_trusted as t
anti join consenting_customers as k on t.serialNumber = k.serialNumber
union all
select 'machine_learning_curated', t.user
from machine_learning_curated as t
anti join consenting_customers as k on t.user = k.email
union all
select 'machine_learning_curated', t.serialNumber
from machine_learning_curated as t
anti join consenting_customers as k on t.serialNumber = k.serialNumber
union all
select 'device_owners', t.owner
from device_owners as t
anti join consenting_customers as k on t.owner = k.email
