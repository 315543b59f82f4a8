create external table if not exists `stedi`.`customer_landing` (
    `customername`              string comment 'full name as entered on the website; personal data',
    `email`                     string comment 'login of the phone app; identifies the customer; personal data',
    `phone`                     string comment 'phone number, digits only; personal data',
    `birthday`                  string comment 'YYYY-MM-DD as text: holds years from 0967 on; personal data',
    `serialnumber`              string comment 'serial number of the Step Trainer, as fulfilment recorded it',
    `registrationdate`          bigint comment 'registered at, epoch ms',
    `lastupdatedate`            bigint comment 'record last changed at, epoch ms',
    `sharewithresearchasofdate` bigint comment 'agreed to research at, epoch ms; absent: did not',
    `sharewithpublicasofdate`   bigint comment 'agreed to publication at, epoch ms; absent: did not',
    `sharewithfriendsasofdate`  bigint comment 'agreed to friends at, epoch ms; absent: did not'
)
comment 'customer records from the website'
row format serde 'org.openx.data.jsonserde.JsonSerDe'
with serdeproperties (
    'case.insensitive' = 'FALSE',
    'ignore.malformed.json' = 'TRUE',
    'mapping.customername' = 'customerName',
    'mapping.birthday' = 'birthDay',
    'mapping.serialnumber' = 'serialNumber',
    'mapping.registrationdate' = 'registrationDate',
    'mapping.lastupdatedate' = 'lastUpdateDate',
    'mapping.sharewithresearchasofdate' = 'shareWithResearchAsOfDate',
    'mapping.sharewithpublicasofdate' = 'shareWithPublicAsOfDate',
    'mapping.sharewithfriendsasofdate' = 'shareWithFriendsAsOfDate'
)
stored as inputformat 'org.apache.hadoop.mapred.TextInputFormat'
outputformat 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
location 's3://my-bucket/stedi/customer/landing/'
tblproperties (
    'classification' = 'json',
    'made_by' = 'stedi glue'
);

create external table if not exists `stedi`.`accelerometer_landing` (
    `user`      string comment 'email of the customer whose phone it is; personal data',
    `timestamp` bigint comment 'read at, epoch ms',
    `x`         double comment 'acceleration along x',
    `y`         double comment 'acceleration along y',
    `z`         double comment 'acceleration along z'
)
comment 'accelerometer readings from the phone app'
row format serde 'org.openx.data.jsonserde.JsonSerDe'
with serdeproperties (
    'case.insensitive' = 'FALSE',
    'ignore.malformed.json' = 'TRUE'
)
stored as inputformat 'org.apache.hadoop.mapred.TextInputFormat'
outputformat 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
location 's3://my-bucket/stedi/accelerometer/landing/'
tblproperties (
    'classification' = 'json',
    'made_by' = 'stedi glue'
);

create external table if not exists `stedi`.`step_trainer_landing` (
    `sensorreadingtime`  bigint comment 'read at, epoch ms',
    `serialnumber`       string comment 'serial number the device sends',
    `distancefromobject` bigint comment 'distance to the object in front, cm'
)
comment 'distance readings from the Step Trainer'
row format serde 'org.openx.data.jsonserde.JsonSerDe'
with serdeproperties (
    'case.insensitive' = 'FALSE',
    'ignore.malformed.json' = 'TRUE',
    'mapping.sensorreadingtime' = 'sensorReadingTime',
    'mapping.serialnumber' = 'serialNumber',
    'mapping.distancefromobject' = 'distanceFromObject'
)
stored as inputformat 'org.apache.hadoop.mapred.TextInputFormat'
outputformat 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
location 's3://my-bucket/stedi/step_trainer/landing/'
tblproperties (
    'classification' = 'json',
    'made_by' = 'stedi glue'
);

create external table if not exists `stedi`.`customer_trusted` (
    `customername`              string comment 'full name as entered on the website; personal data',
    `email`                     string comment 'login of the phone app; identifies the customer; personal data',
    `phone`                     string comment 'phone number, digits only; personal data',
    `birthday`                  string comment 'YYYY-MM-DD as text: holds years from 0967 on; personal data',
    `serialnumber`              string comment 'serial number of the Step Trainer, as fulfilment recorded it',
    `registrationdate`          bigint comment 'registered at, epoch ms',
    `lastupdatedate`            bigint comment 'record last changed at, epoch ms',
    `sharewithresearchasofdate` bigint comment 'agreed to research at, epoch ms; absent: did not',
    `sharewithpublicasofdate`   bigint comment 'agreed to publication at, epoch ms; absent: did not',
    `sharewithfriendsasofdate`  bigint comment 'agreed to friends at, epoch ms; absent: did not'
)
comment 'customers who agreed to share with research'
row format serde 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
stored as inputformat 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat'
outputformat 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat'
location 's3://my-bucket/stedi/customer/trusted/'
tblproperties (
    'classification' = 'parquet',
    'made_by' = 'stedi glue'
);

create external table if not exists `stedi`.`accelerometer_trusted` (
    `user`      string comment 'email of the customer whose phone it is; personal data',
    `timestamp` bigint comment 'read at, epoch ms',
    `x`         double comment 'acceleration along x',
    `y`         double comment 'acceleration along y',
    `z`         double comment 'acceleration along z'
)
comment 'phone readings of customers who agreed to research'
row format serde 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
stored as inputformat 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat'
outputformat 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat'
location 's3://my-bucket/stedi/accelerometer/trusted/'
tblproperties (
    'classification' = 'parquet',
    'made_by' = 'stedi glue'
);

create external table if not exists `stedi`.`step_trainer_trusted` (
    `sensorreadingtime`  bigint comment 'read at, epoch ms',
    `serialnumber`       string comment 'serial number the device sends',
    `distancefromobject` bigint comment 'distance to the object in front, cm'
)
comment 'device readings whose serial number a curated customer has'
row format serde 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
stored as inputformat 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat'
outputformat 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat'
location 's3://my-bucket/stedi/step_trainer/trusted/'
tblproperties (
    'classification' = 'parquet',
    'made_by' = 'stedi glue'
);

create external table if not exists `stedi`.`customers_curated` (
    `customername`              string comment 'full name as entered on the website; personal data',
    `email`                     string comment 'login of the phone app; identifies the customer; personal data',
    `phone`                     string comment 'phone number, digits only; personal data',
    `birthday`                  string comment 'YYYY-MM-DD as text: holds years from 0967 on; personal data',
    `serialnumber`              string comment 'serial number of the Step Trainer, as fulfilment recorded it',
    `registrationdate`          bigint comment 'registered at, epoch ms',
    `lastupdatedate`            bigint comment 'record last changed at, epoch ms',
    `sharewithresearchasofdate` bigint comment 'agreed to research at, epoch ms; absent: did not',
    `sharewithpublicasofdate`   bigint comment 'agreed to publication at, epoch ms; absent: did not',
    `sharewithfriendsasofdate`  bigint comment 'agreed to friends at, epoch ms; absent: did not'
)
comment 'trusted customers who have accelerometer readings'
row format serde 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
stored as inputformat 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat'
outputformat 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat'
location 's3://my-bucket/stedi/customer/curated/'
tblproperties (
    'classification' = 'parquet',
    'made_by' = 'stedi glue'
);

create external table if not exists `stedi`.`machine_learning_curated` (
    `sensorreadingtime`  bigint comment 'read at, epoch ms',
    `serialnumber`       string comment 'serial number the device sends',
    `distancefromobject` bigint comment 'distance to the object in front, cm',
    `user`               string comment 'email of the customer whose phone it is; personal data',
    `timestamp`          bigint comment 'read at, epoch ms',
    `x`                  double comment 'acceleration along x',
    `y`                  double comment 'acceleration along y',
    `z`                  double comment 'acceleration along z'
)
comment 'each trusted device reading with the phone readings of the same instant'
row format serde 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
stored as inputformat 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat'
outputformat 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat'
location 's3://my-bucket/stedi/machine_learning/curated/'
tblproperties (
    'classification' = 'parquet',
    'made_by' = 'stedi glue'
);

create external table if not exists `stedi`.`device_owners` (
    `serialnumber`      string comment 'serial number the device sends',
    `owner`             string comment 'email of the consenting customer whose device it is; personal data',
    `readings`          bigint comment 'instants at which the device recorded, without crowded ones',
    `matched`           bigint comment 'instants of these at which the owner\'s phone recorded too',
    `runner_up_matched` bigint comment 'the same of the next best customer\'s phone',
    `confidence`        double comment 'lead over the next best as a share of the readings: 0.2 to 1',
    `clock_skew_ms`     bigint comment 'what the phone\'s clock is ahead of the device\'s, ms'
)
comment 'whose device it is, found by the instants it shares with phones of consenting customers'
row format serde 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
stored as inputformat 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat'
outputformat 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat'
location 's3://my-bucket/stedi/device_owner/curated/'
tblproperties (
    'classification' = 'parquet',
    'made_by' = 'stedi glue'
);

create external table if not exists `stedi`.`training_curated` (
    `customerpseudonym`  string comment 'stands for the customer: keyed SHA-256 of the email, 64 hex digits',
    `devicepseudonym`    string comment 'stands for the device: keyed SHA-256 of the serial number, 64 hex digits',
    `sensorreadingtime`  bigint comment 'read at by the device, epoch ms',
    `distancefromobject` bigint comment 'distance to the object in front, cm',
    `timestamp`          bigint comment 'read at by the phone, epoch ms',
    `x`                  double comment 'acceleration along x',
    `y`                  double comment 'acceleration along y',
    `z`                  double comment 'acceleration along z'
)
comment 'each attributed device\'s readings with its own owner\'s of the same instant, since the consent'
row format serde 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
stored as inputformat 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat'
outputformat 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat'
location 's3://my-bucket/stedi/training/curated/'
tblproperties (
    'classification' = 'parquet',
    'made_by' = 'stedi glue'
);

create external table if not exists `stedi`.`customer_quarantine` (
    `file`   string comment 'landing file the line is from',
    `line`   bigint comment 'number of the line in it, from 1; null where a Glue job has written it',
    `reason` string comment 'why the line is no row of its feed',
    `raw`    binary comment 'the line as it was: personal data'
)
comment 'lines of the customer feed that are no rows'
row format serde 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
stored as inputformat 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat'
outputformat 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat'
location 's3://my-bucket/stedi/_quarantine/customer/'
tblproperties (
    'classification' = 'parquet',
    'made_by' = 'stedi glue'
);

create external table if not exists `stedi`.`accelerometer_quarantine` (
    `file`   string comment 'landing file the line is from',
    `line`   bigint comment 'number of the line in it, from 1; null where a Glue job has written it',
    `reason` string comment 'why the line is no row of its feed',
    `raw`    binary comment 'the line as it was: personal data'
)
comment 'lines of the accelerometer feed that are no rows'
row format serde 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
stored as inputformat 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat'
outputformat 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat'
location 's3://my-bucket/stedi/_quarantine/accelerometer/'
tblproperties (
    'classification' = 'parquet',
    'made_by' = 'stedi glue'
);

create external table if not exists `stedi`.`step_trainer_quarantine` (
    `file`   string comment 'landing file the line is from',
    `line`   bigint comment 'number of the line in it, from 1; null where a Glue job has written it',
    `reason` string comment 'why the line is no row of its feed',
    `raw`    binary comment 'the line as it was: personal data'
)
comment 'lines of the step_trainer feed that are no rows'
row format serde 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
stored as inputformat 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat'
outputformat 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat'
location 's3://my-bucket/stedi/_quarantine/step_trainer/'
tblproperties (
    'classification' = 'parquet',
    'made_by' = 'stedi glue'
);
