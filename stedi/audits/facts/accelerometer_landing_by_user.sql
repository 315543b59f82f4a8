-- accelerometer_landing_by_user: how many phone readings of each user landed, and what they add up to.
-- Counted once for all audits: at scale, landing is JSON that is parsed again at each reference. The digest is a sum of
-- 64-bit hashes of the readings, so it does not depend on their order, and a reading twice counts twice.
select
    a.user as "user",
    count(*) as readings,
    sum(hash(a.timestamp, a.x, a.y, a.z)) as digest
from accelerometer_landing as a
group by a.user
