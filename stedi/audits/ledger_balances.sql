-- ledger_balances: of every feed, the good rows are as many as the reading rule counted, and each was kept or dropped.
-- Kept and dropped are counted apart (see facts/ledger), neither as the rest of the other.
select g.feed as table_name, 'good ' || g.good || ', kept ' || g.kept || ', dropped ' || g.dropped as key
from ledger as g
inner join landed as l using (feed)
where g.good <> l.good or g.good <> g.kept + g.dropped
